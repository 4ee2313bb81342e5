"""The audit trail: who did what to which object. Rows are only ever added (LOG-04, INV-11)."""

from typing import Any, Literal
from uuid import UUID

import structlog
from psycopg.types.json import Jsonb

from portal import clock
from portal.db.transaction import Conn

ActorKind = Literal["user", "staff", "system", "zoho"]

_RECORD = """
insert into billing.activity
  (at, actor_kind, actor_id, account_id, action, object_kind, object_id, detail, request_id)
values
  (%(at)s, %(actor_kind)s, %(actor_id)s, %(account_id)s, %(action)s, %(object_kind)s, %(object_id)s,
   %(detail)s, %(request_id)s)
"""


def record(
    conn: Conn,
    *,
    action: str,
    actor_kind: ActorKind | str = "system",
    actor_id: UUID | None = None,
    account_id: UUID | None = None,
    object_kind: str = "",
    object_id: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Write one line of the trail on the caller's transaction."""
    line = {
        "at": clock.now(),
        "actor_kind": actor_kind,
        "actor_id": actor_id,
        "account_id": account_id,
        "action": action,
        "object_kind": object_kind,
        "object_id": object_id,
        "detail": Jsonb(detail or {}),
        "request_id": str(structlog.contextvars.get_contextvars().get("request_id", "")),
    }
    conn.execute(_RECORD, line)
