"""Six-digit codes: five wrong ones in a quarter of an hour, and each right one once (AUT-03)."""

import hashlib

from portal.db.transaction import Pool, as_web
from portal.people.auth_errors import WrongCode
from portal.web import limits


def check(pool: Pool, user_id: object, code: str) -> None:
    """Refuse a code that was used already, and any code after five wrong ones."""
    with as_web(pool) as conn:
        limits.check_failures(
            conn, f"code:{user_id}", free=limits.CODES, longest=limits.QUARTER, step=limits.QUARTER
        )
        if limits.count(conn, _used(user_id, code)):
            raise WrongCode


def mark_used(pool: Pool, user_id: object, code: str) -> None:
    with as_web(pool) as conn:
        limits.record_failure(conn, _used(user_id, code))
        limits.clear(conn, f"code:{user_id}")


def record_failure(pool: Pool, user_id: object) -> None:
    with as_web(pool) as conn:
        limits.record_failure(conn, f"code:{user_id}")


def _used(user_id: object, code: str) -> str:
    return f"code-used:{hashlib.sha256(f'{user_id}/{code}'.encode()).hexdigest()[:32]}"
