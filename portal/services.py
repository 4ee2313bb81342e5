"""What the portal is made of: built once per process, handed to rooms and jobs as one value."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portal.config import Settings
from portal.db.pool import open_pool
from portal.db.transaction import Pool
from portal.sealing import Keyring

if TYPE_CHECKING:
    from portal.mail.transport import Transport
    from portal.people.supabase_auth import SupabaseAuth
    from portal.zoho.client import ZohoClient


@dataclass(frozen=True, slots=True)
class Services:
    """The outside world and the database, as the rest of the portal meets them."""

    settings: Settings
    pool: Pool
    keyring: Keyring
    zoho: "ZohoClient"
    auth: "SupabaseAuth"
    mail: "Transport"

    def close(self) -> None:
        """Give back the connections to the database and to the identity provider."""
        self.auth.close()
        self.pool.close()


def build(settings: Settings, *, name: str = "portal-web", pool_size: int | None = None) -> Services:
    """Connect everything that ``settings`` name. Opens the pool; calls nobody yet.

    Raises :class:`~portal.errors.Misconfigured` for keys that cannot be used.
    """
    from portal.mail import transport
    from portal.people.supabase_auth import SupabaseAuth
    from portal.zoho import client

    keyring = Keyring.from_settings(settings.encryption_keys)
    pool = open_pool(
        settings.database_url.get_secret_value(),
        name=name,
        max_size=pool_size or settings.web_pool_size,
        wait=False,
    )
    return Services(
        settings=settings,
        pool=pool,
        keyring=keyring,
        zoho=client.build(settings, pool, keyring),
        auth=SupabaseAuth(settings),
        mail=transport.from_settings(settings),
    )
