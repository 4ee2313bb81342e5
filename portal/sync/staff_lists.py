"""What the staff's lists show: newest first, a page at a time, however far back.

Reads only, as portal_staff. A page is found by the row that it begins after, so the thousandth costs what the
first does.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import sql
from psycopg.sql import Composed

from portal.db.transaction import Conn
from portal.sync.repair import NOT_READ

Row = dict[str, Any]

_WORD = re.compile(r"\w+")
# Postgres drops what is constant, so each direction is a walk along the index of the moment.
_FROM_PLACE: LiteralString = """
  and (%(moment)s::timestamptz is null
       or case when %(backwards)s then ({at}, {id}) > (%(moment)s::timestamptz, %(id)s::uuid)
          else ({at}, {id}) < (%(moment)s::timestamptz, %(id)s::uuid) end)
order by case when %(backwards)s then {at} end, case when %(backwards)s then {id} end, {at} desc, {id} desc
limit %(limit)s
"""


def _paged(statement: LiteralString, at: LiteralString, row_id: LiteralString = "id") -> Composed:
    """Let a statement that ends in its conditions return a page of its rows by the moment ``at``."""
    return sql.SQL(statement + _FROM_PLACE).format(at=sql.SQL(at), id=sql.SQL(row_id))


_EVENTS = _paged(
    """
select id, received_at, event_type, object_kind, object_zoho_id, state, attempts, received_at as listed_at
from billing.inbox
where (%(state)s = '' or state = %(state)s)
  and (%(q)s = '' or event_id = %(q)s or object_zoho_id = %(q)s
       or %(may_be_type)s and event_type = %(q)s)
""",
    "received_at",
)
_DRIFT = _paged(
    """
select drift.*, found_at as listed_at, customer.id as customer_id, customer.display_name as customer_name,
  (select jsonb_build_object('at', a.at, 'problem', a.detail ->> 'problem') from billing.activity a
     where a.object_kind = drift.object_kind and a.object_id = drift.object_zoho_id
       and a.action = %(not_read)s and a.at > drift.found_at order by a.at desc limit 1) as not_read
from billing.drift
left join lateral (select id, display_name from billing.customers c
  where c.account_id = drift.account_id limit 1) customer on true
where (%(standing)s = 'all' or (repaired_at is null and acknowledged_at is null))
""",
    "found_at",
    "drift.id",
)
_RUNS = _paged(
    """
select id, kind, state, started_at, calls, drift_found, started_at as listed_at
from billing.sync_runs where true
""",
    "started_at",
)
_CUSTOMERS = _paged(
    """
select id, zoho_id, display_name, email, account_id, synced_at, synced_at as listed_at
from billing.customers
where (%(q)s = '' or zoho_id = %(q)s or lower(email) = lower(%(q)s)
       or to_tsvector('simple', display_name) @@ to_tsquery('simple', %(words)s))
""",
    "synced_at",
)
_MAIL = _paged(
    """
select id, template, recipient, entity, state, last_error, created_at, created_at as listed_at
from billing.outbox where true
""",
    "created_at",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Which page: so many rows older (or ``backwards``, newer) than the row with this moment and id."""

    limit: int
    moment: str | None = None
    id: UUID | None = None
    backwards: bool = False


def list_events(conn: Conn, place: Place, *, state: str, q: str) -> list[Row]:
    # Types are not indexed, and have no digits; Zoho's ids have.
    may_be_type = not any(sign.isdigit() for sign in q)
    return _page(conn, _EVENTS, place, state=state, q=q, may_be_type=may_be_type)


def list_drift(conn: Conn, place: Place, *, standing: str) -> list[Row]:
    found = _page(conn, _DRIFT, place, standing=standing, not_read=NOT_READ)
    for row in found:
        if row["not_read"]:
            row["not_read"]["at"] = datetime.fromisoformat(row["not_read"]["at"])
    return found


def list_runs(conn: Conn, place: Place) -> list[Row]:
    return _page(conn, _RUNS, place)


def list_customers(conn: Conn, place: Place, q: str) -> list[Row]:
    """Return customers by Zoho's id, by e-mail address, or by the beginnings of words of their name."""
    words = " & ".join(f"'{word}':*" for word in _WORD.findall(q))
    return _page(conn, _CUSTOMERS, place, q=q, words=words)


def list_mail(conn: Conn, place: Place) -> list[Row]:
    return _page(conn, _MAIL, place)


def _page(conn: Conn, statement: Composed, place: Place, **names: Any) -> list[Row]:
    where = {"moment": place.moment, "id": place.id, "backwards": place.backwards, "limit": place.limit}
    return conn.execute(statement, where | names).fetchall()
