"""Six-digit codes: five wrong ones in a quarter of an hour, and each right one once (AUT-03)."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from portal.db.transaction import Pool, as_web
from portal.people.auth_errors import AuthUnavailable, TooManyTries, WrongCode
from portal.web import limits


@contextmanager
def trying(pool: Pool, user_id: object, code: str) -> Iterator[None]:
    """Try the code in the block, which raises for a wrong one. After five wrong ones none is tried.

    A try counts from its beginning, so that many at once are no more than five; the right code forgets
    them. Where the provider did not say whether the code is right, nothing was tried.
    Raises WrongCode for a code that was taken already.
    """
    _claim(pool, user_id, code)
    try:
        yield
    except (AuthUnavailable, TooManyTries):
        with as_web(pool) as conn:
            limits.take_back(conn, _tries(user_id))
            limits.clear(conn, _used(user_id, code))
        raise
    with as_web(pool) as conn:
        limits.clear(conn, _tries(user_id))


def _claim(pool: Pool, user_id: object, code: str) -> None:
    with as_web(pool) as conn:
        limits.check_failures(
            conn, _tries(user_id), free=limits.CODES, longest=limits.QUARTER, step=limits.QUARTER
        )
        is_first = limits.claim(conn, _used(user_id, code))
        limits.record_failure(conn, _tries(user_id))
        # Those who asked at the same moment have counted by now: they wait for each other's row.
        if limits.count(conn, _tries(user_id)) > limits.CODES:
            raise limits.TooMany(limits.QUARTER.total_seconds())
    if not is_first:
        raise WrongCode


def _tries(user_id: object) -> str:
    return f"code:{user_id}"


def _used(user_id: object, code: str) -> str:
    return f"code-used:{hashlib.sha256(f'{user_id}/{code}'.encode()).hexdigest()[:32]}"
