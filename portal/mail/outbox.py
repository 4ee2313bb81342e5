"""Mail to be sent, at most once per cause (CONV-05, INV-3).

    pending -> sending -> sent
                       -> pending   the server surely did not take it: tried again later
                       -> failed    it never will
                       -> unknown   nobody can tell; a person decides, no machine sends it again
            -> stopped              no longer true when its turn came (paid meanwhile)

The row is unique on (template, entity, cause, recipient) and lives in the transaction of what caused it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from portal import clock
from portal.db.transaction import Conn

# With pauses that grow to four hours: a mail server may be away for a weekend.
MOST_ATTEMPTS = 20
# A sender that said nothing for this long died with the mail in hand.
HOLD = timedelta(minutes=5)

_ENQUEUE = """
insert into billing.outbox
  (template, entity, cause, account_id, recipient, locale, context, not_before, created_at)
values
  (%(template)s, %(entity)s, %(cause)s, %(account_id)s, %(recipient)s, %(locale)s, %(context)s,
   %(not_before)s, %(now)s)
on conflict (template, entity, cause, recipient) do nothing
returning id
"""
_CLAIM = """
update billing.outbox set state = 'sending', claimed_at = %(now)s, attempts = attempts + 1
where id = (
  select id from billing.outbox where state = 'pending' and not_before <= %(now)s
  order by not_before limit 1 for update skip locked)
returning *
"""
_SETTLE = """
update billing.outbox
set state = %(state)s, last_error = %(error)s, not_before = coalesce(%(not_before)s, not_before),
    sent_at = case when %(state)s = 'sent' then %(now)s else sent_at end
where id = %(id)s and state = 'sending'
"""
_ABANDON = """
update billing.outbox set state = 'unknown', last_error = 'the sender died while sending'
where state = 'sending' and claimed_at < %(before)s returning id
"""
_STOP = """
update billing.outbox set state = 'stopped', last_error = %(reason)s
where entity = %(entity)s and state = 'pending' and template = any(%(templates)s)
"""
_SENT_OF = """
select template, cause from billing.outbox where entity = %(entity)s and template = any(%(templates)s)
"""


@dataclass(frozen=True, slots=True)
class Mail:
    """What is to be said to whom; ``context`` holds facts as JSON (amounts as decimal text)."""

    template: str
    entity: str
    cause: str
    recipient: str
    context: dict[str, Any]
    account_id: UUID | None = None
    locale: str = "en"


def enqueue(conn: Conn, mail: Mail, *, not_before: datetime | None = None) -> bool:
    """Put the mail in the outbox; False when it was there before."""
    now = clock.now()
    names = {name: getattr(mail, name) for name in mail.__dataclass_fields__}
    names |= {"context": Jsonb(mail.context), "now": now, "not_before": not_before or now}
    return conn.execute(_ENQUEUE, names).fetchone() is not None


def claim(conn: Conn) -> dict[str, Any] | None:
    """Take the next mail that is due. Commit before sending it."""
    return conn.execute(_CLAIM, {"now": clock.now()}).fetchone()


def mark_sent(conn: Conn, mail_id: UUID) -> None:
    _settle(conn, mail_id, "sent")


def mark_not_sent(conn: Conn, row: dict[str, Any], error: str, *, permanent: bool) -> None:
    """Try again later, growing pauses in between; give up when the server refuses for good."""
    if permanent or row["attempts"] >= MOST_ATTEMPTS:
        _settle(conn, row["id"], "failed", error)
        return
    pause = timedelta(minutes=2 ** min(row["attempts"], 8))
    _settle(conn, row["id"], "pending", error, clock.now() + pause)


def mark_unknown(conn: Conn, mail_id: UUID, error: str) -> None:
    _settle(conn, mail_id, "unknown", error)


def mark_stopped(conn: Conn, mail_id: UUID, reason: str) -> None:
    _settle(conn, mail_id, "stopped", reason)


def mark_abandoned(conn: Conn) -> int:
    """Give up on mails whose sender died in the middle."""
    return conn.execute(_ABANDON, {"before": clock.now() - HOLD}).rowcount


def stop(conn: Conn, entity: str, templates: list[str], reason: str) -> None:
    """Withdraw mails about ``entity`` that were not sent yet."""
    conn.execute(_STOP, {"entity": entity, "templates": templates, "reason": reason})


def list_of(conn: Conn, entity: str, templates: list[str]) -> list[dict[str, Any]]:
    """Return what was ever put in the outbox about ``entity``."""
    return conn.execute(_SENT_OF, {"entity": entity, "templates": templates}).fetchall()


def _settle(
    conn: Conn, mail_id: UUID, state: str, error: str = "", not_before: datetime | None = None
) -> None:
    names = {"id": mail_id, "state": state, "error": error[:500], "not_before": not_before}
    conn.execute(_SETTLE, {**names, "now": clock.now()})
