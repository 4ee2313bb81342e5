"""Mails about a person's login, to every address that it concerns (AUT-07), and invitations.

They go through the outbox in the transaction of the act: no act without its mail, no mail without its act.
An invitation's mail holds no secret: whoever signs in with the invited address finds it waiting.
"""

from typing import Any
from uuid import UUID, uuid4

from portal import clock
from portal.db.transaction import Conn
from portal.mail import outbox
from portal.mail.outbox import Mail
from portal.people.sessions import Person
from portal.people.users import User

ACTS = {
    "password": "The password of your login was changed",  # pragma: public
    "email": "The e-mail address of your login was changed",
    "second-factor-on": "A second factor was turned on for your login",
    "second-factor-added": "Another app was connected to the second factor of your login",
    "second-factor-removed": "An app was removed from the second factor of your login",
    "second-factor-off": "The second factor of your login was turned off",
}


def tell(conn: Conn, person: Person | User, act: str, *addresses: str) -> None:
    """Write to the person, at ``addresses`` or their own, that ``act`` was done."""
    for address in addresses or (person.email,):
        mail = Mail(
            template="security_notice",
            entity=f"user:{person.id if isinstance(person, User) else person.user_id}",
            cause=f"{act}:{uuid4()}",
            recipient=address,
            context={
                "account_name": person.display_name or person.email,
                "act": ACTS[act],
                "day": clock.now().date().isoformat(),
                "time": clock.now().strftime("%H:%M UTC"),
            },
            locale=person.locale,
        )
        outbox.enqueue(conn, mail)


def invite(conn: Conn, invitation_id: UUID, *, to: str, by: Person, account: Any, role: str) -> None:
    """Tell somebody that they are invited."""
    mail = Mail(
        template="invitation",
        entity=f"invitation:{invitation_id}",
        cause="created",
        recipient=to,
        context={
            "account_name": to,
            "joins": account.name,
            "role": role,
            "by": by.name,
            "path": "/invitations",
        },
        account_id=account.id,
        locale=by.locale,
    )
    outbox.enqueue(conn, mail)
