"""Differences between our copy and Zoho that reconciliation found, and what probably caused each.

A row is written only when the refresh really changed something, with the values before and after it:
what a list row says differently from the object itself is no drift. One kind is not found by comparing: a
purchase that was paid twice, which no reading again repairs.
"""

from typing import Any
from uuid import UUID

from portal import clock
from portal.db.transaction import Conn
from portal.mirror.rows import Written

MOST_FIELDS = 12

_STORE = """
insert into billing.drift
  (run_id, kind, object_kind, object_zoho_id, account_id, field, ours, theirs, likely_cause, found_at,
   repaired_at)
values
  (%(run_id)s, %(kind)s, %(object_kind)s, %(object_zoho_id)s, %(account_id)s, %(field)s, %(ours)s,
   %(theirs)s, %(likely_cause)s, %(found_at)s, %(repaired_at)s)
"""
_IS_OPEN = """
select 1 from billing.drift
where object_kind = %(kind)s and object_zoho_id = %(zoho_id)s and repaired_at is null limit 1
"""
# An act of the account that has not come home yet: what it changed is news on its way, no difference.
_IS_UNDER_WAY = """
select 1 from billing.intents
where account_id = %(account_id)s
  and (state in ('ready', 'calling', 'unknown') or (state = 'done' and next_check_at is not null))
union all
select 1 from billing.checkouts
where account_id = %(account_id)s and state in ('preparing', 'open', 'confirming', 'unknown')
limit 1
"""
_EVENTS_OF = """
select state, event_type, received_at from billing.inbox
where object_kind = %(kind)s and object_zoho_id = %(zoho_id)s
order by received_at desc limit 1
"""
_REPAIRED = """
update billing.drift set repaired_at = %(now)s
where object_kind = %(kind)s and object_zoho_id = %(zoho_id)s and repaired_at is null
"""
# A finding is what one run found of one object: its fields are seen together, and acknowledged together.
_ACKNOWLEDGE = """
update billing.drift d set acknowledged_at = %(now)s, acknowledged_by = %(user_id)s
from billing.drift one
where one.id = %(id)s and d.object_kind = one.object_kind and d.object_zoho_id = one.object_zoho_id
  and d.run_id is not distinct from one.run_id and d.repaired_at is null and d.acknowledged_at is null
"""


def record(conn: Conn, run_id: UUID, object_kind: str, written: Written) -> int:
    """Write down what a repair changed; return how many rows that made: none for the account's own act."""
    after = written.after
    if not written.changed or after is None or _is_own_act(conn, after.get("account_id")):
        return 0
    cause, now = _likely_cause(conn, object_kind, written), clock.now()
    found = _differences(written)
    for kind, field, ours, theirs in found:
        row = {"kind": kind, "field": field, "ours": ours, "theirs": theirs, "likely_cause": cause}
        _store(conn, run_id, object_kind, after, {**row, "found_at": now, "repaired_at": now})
    return len(found)


def record_unrepaired(conn: Conn, run_id: UUID, object_kind: str, row: dict[str, Any], cause: str) -> None:
    """Write down an object that Zoho no longer lists and that was left alone on purpose; once until it is
    repaired.
    """
    if not _is_open(conn, object_kind, row["zoho_id"]):
        told = {"kind": "missing_there", "field": "", "ours": "present", "theirs": "not listed"}
        _store(conn, run_id, object_kind, row, {**told, "likely_cause": cause})


def record_unreadable(conn: Conn, run_id: UUID, object_kind: str, zoho_id: str, problem: str) -> int:
    """Write down an object that Zoho has and that cannot be read; return how many rows that made.

    Once until it is repaired: a nightly run finds it every night.
    """
    if _is_open(conn, object_kind, zoho_id):
        return 0
    told = {"kind": "differs", "field": "", "ours": "as last read", "theirs": "cannot be read"}
    _store(conn, run_id, object_kind, {"zoho_id": zoho_id}, {**told, "likely_cause": problem[:500]})
    return 1


def record_paid_twice(conn: Conn, subscription_zoho_id: str, account_id: UUID) -> None:
    """Write down that two payment pages of one purchase were paid; only a person can tell what was meant."""
    told = {"kind": "differs", "field": "paid", "ours": "once", "theirs": "twice"}
    cause = "two payment pages were open, and both were paid: ask the customer which one to keep"
    of = {"zoho_id": subscription_zoho_id, "account_id": account_id}
    _store(conn, None, "purchase", of, {**told, "likely_cause": cause})


def mark_repaired(conn: Conn, object_kind: str, zoho_id: str) -> None:
    conn.execute(_REPAIRED, {"kind": object_kind, "zoho_id": zoho_id, "now": clock.now()})


def acknowledge(conn: Conn, drift_id: UUID, user_id: UUID) -> bool:
    """Note that a member of staff has seen the finding; False when somebody had before."""
    names = {"id": drift_id, "user_id": user_id, "now": clock.now()}
    return conn.execute(_ACKNOWLEDGE, names).rowcount > 0


def _is_open(conn: Conn, object_kind: str, zoho_id: str) -> bool:
    return conn.execute(_IS_OPEN, {"kind": object_kind, "zoho_id": zoho_id}).fetchone() is not None


def _is_own_act(conn: Conn, account_id: UUID | None) -> bool:
    if account_id is None:
        return False
    return conn.execute(_IS_UNDER_WAY, {"account_id": account_id}).fetchone() is not None


def _differences(written: Written) -> list[tuple[str, str, str | None, str | None]]:
    before, after = written.before, written.after or {}
    if before is None:
        return [("missing_here", "", None, str(after.get("status", "") or "present"))]
    if "gone_at" in written.fields and after.get("gone_at") is not None:
        return [("missing_there", "", str(before.get("status", "") or "present"), None)]
    fields = sorted(written.fields - {"raw", "account_id", "gone_at"}) or ["raw"]
    return [
        ("differs", name, *((None, None) if name == "raw" else (_text(before[name]), _text(after[name]))))
        for name in fields[:MOST_FIELDS]
    ]


def _likely_cause(conn: Conn, object_kind: str, written: Written) -> str:
    if object_kind == "customer":
        return "Zoho announces no change of a customer"
    row = written.before or written.after or {}
    names = {"kind": object_kind, "zoho_id": row["zoho_id"]}
    last = conn.execute(_EVENTS_OF, names).fetchone()
    if last is None:
        return "never announced to us"
    if last["state"] == "dead":
        return f"its event {last['event_type']} was given up"
    if last["state"] in ("pending", "applying", "failed"):
        return f"its event {last['event_type']} waits to be applied"
    before, after = written.before, written.after or {}
    if before is not None and before["zoho_updated_at"] == after.get("zoho_updated_at"):
        return "changed at Zoho without a new modification time"
    return "a later change was not announced"


def _store(
    conn: Conn, run_id: UUID | None, object_kind: str, of: dict[str, Any], told: dict[str, Any]
) -> None:
    names = {
        "run_id": run_id,
        "object_kind": object_kind,
        "object_zoho_id": of["zoho_id"],
        "account_id": of.get("account_id"),
        "found_at": clock.now(),
        "repaired_at": None,
    }
    conn.execute(_STORE, {**names, **told})


def _text(value: Any) -> str | None:
    return None if value is None else str(value)[:500]
