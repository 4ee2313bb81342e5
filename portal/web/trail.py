"""What people do about themselves, for the log and the audit trail (LOG-04): acts and ids, no secrets."""

from typing import Any
from uuid import UUID

import structlog

from portal import activity
from portal.db.transaction import Conn, as_web
from portal.web.current import current_account, current_person, current_services

log = structlog.get_logger()


def record(conn: Conn, action: str, *, object_kind: str, object_id: str, **detail: Any) -> None:
    """Write one line for the signed-in person and the account in sight, on the caller's transaction."""
    person, account = current_person(), current_account()
    activity.record(
        conn,
        action=action,
        actor_kind="staff" if person and person.is_staff else "user",
        actor_id=person.user_id if person else None,
        account_id=account.id if account else None,
        object_kind=object_kind,
        object_id=object_id,
        detail=detail,
    )


def record_own(action: str, user_id: UUID, *, is_staff: bool = False, **detail: Any) -> None:
    """Write one line about somebody's own login, in a transaction of its own."""
    log.info(action, user=str(user_id), **detail)
    with as_web(current_services().pool, user_id) as conn:
        activity.record(
            conn,
            action=action,
            actor_kind="staff" if is_staff else "user",
            actor_id=user_id,
            object_kind="user",
            object_id=str(user_id),
            detail=detail,
        )
