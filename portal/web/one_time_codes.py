"""Six-digit codes: five wrong ones in a quarter of an hour, and each right one once (AUT-03)."""

import hashlib

from portal.db.transaction import Pool, as_web
from portal.people.auth_errors import WrongCode
from portal.web import limits


def claim(pool: Pool, user_id: object, code: str) -> None:
    """Take the code before it is tried: of many tries at once one gets it. After five wrong ones none does.

    Raises WrongCode for a code that was taken already.
    """
    with as_web(pool) as conn:
        limits.check_failures(
            conn, f"code:{user_id}", free=limits.CODES, longest=limits.QUARTER, step=limits.QUARTER
        )
        if not limits.claim(conn, _used(user_id, code)):
            raise WrongCode


def record_success(pool: Pool, user_id: object) -> None:
    """Forget the wrong codes before the right one."""
    with as_web(pool) as conn:
        limits.clear(conn, f"code:{user_id}")


def record_failure(pool: Pool, user_id: object) -> None:
    with as_web(pool) as conn:
        limits.record_failure(conn, f"code:{user_id}")


def _used(user_id: object, code: str) -> str:
    return f"code-used:{hashlib.sha256(f'{user_id}/{code}'.encode()).hexdigest()[:32]}"
