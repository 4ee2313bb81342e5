"""The audit trail: who did what to which object, append-only (LOG-04, LOG-16.4, INV-11).

Actions read ``subject:act`` in the glossary's words (``session:started``, ``cancel:done``,
``subscription:changed``). ``detail`` holds ids, states and hashes, never a secret or a person's data.
"""

from typing import Any, Literal
from uuid import UUID

import structlog
from psycopg.types.json import Jsonb

from portal import clock
from portal.db.transaction import Conn

Actor = Literal["user", "staff", "system", "zoho"]

_INSERT = """
insert into billing.activity (at, actor_kind, actor_id, account_id, action, object_kind, object_id,
                              detail, request_id)
values (%(at)s, %(actor_kind)s, %(actor_id)s, %(account_id)s, %(action)s, %(object_kind)s, %(object_id)s,
        %(detail)s, %(request_id)s)
"""


def record(
    conn: Conn,
    *,
    action: str,
    actor_kind: Actor,
    actor_id: UUID | None = None,
    account_id: UUID | None = None,
    object_kind: str = "",
    object_id: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Write one line of the trail on the caller's transaction."""
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    conn.execute(
        _INSERT,
        {
            "at": clock.now(),
            "actor_kind": actor_kind,
            "actor_id": actor_id,
            "account_id": account_id,
            "action": action,
            "object_kind": object_kind,
            "object_id": object_id,
            "detail": Jsonb(detail or {}),
            "request_id": str(request_id),
        },
    )
