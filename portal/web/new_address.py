"""A confirmed new e-mail address: both are told (AUT-07); Zoho gets it where the old one got the invoices."""

from uuid import UUID

from portal import activity
from portal.db.transaction import Conn, as_web
from portal.people import users
from portal.people.supabase_auth import Identity
from portal.services import Services
from portal.sync import acts, customers
from portal.web import personal_mail


def take_over(services: Services, identity: Identity) -> None:
    """Keep the address that the provider now has for this person."""
    recorded: list[UUID] = []
    with as_web(services.pool, identity.user_id) as conn:
        earlier = users.upsert(conn, identity)
        if earlier is not None:
            recorded = record(conn, identity, earlier)
    carry(services, recorded)


def record(conn: Conn, identity: Identity, earlier: str) -> list[UUID]:
    """Write down on the caller's connection what follows; return the acts for :func:`carry`."""
    user = users.lock(conn, identity.user_id)
    personal_mail.tell(conn, user, "email", earlier, identity.email)
    activity.record(
        conn,
        action="email:changed",
        actor_kind="staff" if identity.is_staff else "user",
        actor_id=identity.user_id,
        object_kind="user",
        object_id=str(identity.user_id),
    )
    return customers.record_new_address(conn, identity.user_id, earlier, identity.email)


def carry(services: Services, recorded: list[UUID]) -> None:
    """Carry the address to Zoho now; what dies before that, the worker does."""
    for intent_id in recorded:
        acts.perform(services, intent_id)
