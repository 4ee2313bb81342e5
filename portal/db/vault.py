"""Settings that live in Supabase Vault (SECRETS_BACKEND=vault), read by SQL.

A secret of the Vault named like a setting in lower case (`zoho_client_secret`, `encryption_keys`, ...)
takes the place of that environment variable; what the Vault lacks stays as the environment says. Read
once at start-up by the connection's own role, because only that one may see `vault.decrypted_secrets`:
no request and no job ever becomes it.

The portal only reads: whoever writes a secret with SQL sends it through the server's statement log (CRY-02).
"""

from typing import Any

import psycopg
from psycopg.rows import dict_row

from portal.config import Settings, checked
from portal.errors import Misconfigured

# What may come from the Vault: secrets, never an address. DATABASE_URL opens the Vault, so it cannot;
# SECRET_KEY has to be there before anything else is.
NAMES = (
    "zoho_client_id",
    "zoho_client_secret",
    "zoho_refresh_token",
    "zoho_webhook_secrets",
    "supabase_secret_key",
    "encryption_keys",
    "smtp_url",
)

_READ = "select name, decrypted_secret from vault.decrypted_secrets where name = any (%(names)s)"


def fill(settings: Settings) -> Settings:
    """Return the settings with the Vault's secrets in them, when SECRETS_BACKEND says so.

    Raises :class:`Misconfigured` when the database does not answer or has no Vault that this login may read.
    """
    if settings.secrets_backend != "vault":  # pragma: public
        return settings
    try:
        with psycopg.connect(settings.database_url.get_secret_value(), row_factory=dict_row) as conn:
            found = read(conn)
    except psycopg.errors.UndefinedTable:
        raise Misconfigured("SECRETS_BACKEND=vault needs the Supabase Vault in DATABASE_URL") from None
    except psycopg.errors.InsufficientPrivilege:
        raise Misconfigured("SECRETS_BACKEND=vault: the database login may not read the Vault") from None
    except psycopg.OperationalError:
        raise Misconfigured("SECRETS_BACKEND=vault: the database in DATABASE_URL does not answer") from None
    return checked({**_given(settings), **found})


def read(conn: psycopg.Connection[Any]) -> dict[str, str]:
    """Return the secrets that the Vault holds, by the name of their setting."""
    rows = conn.execute(_READ, {"names": list(NAMES)}).fetchall()
    return {row["name"]: row["decrypted_secret"] for row in rows if row["decrypted_secret"]}


def _given(settings: Settings) -> dict[str, Any]:
    """Return only what was set, so that a data centre's preset is filled in anew and nothing is frozen."""
    return {name: getattr(settings, name) for name in settings.model_fields_set}
