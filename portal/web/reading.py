"""Reading for a page: one transaction as the signed-in person, and what every account page shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from portal import clock
from portal.db.transaction import Conn, as_member
from portal.mirror.situation import Situation
from portal.people.sessions import Membership
from portal.web import banners
from portal.web.current import current_services, signed_in_account, signed_in_session

# The full comparison runs at least daily; a day and a half without one is worth a word.
STALE_AFTER = timedelta(hours=36)


@contextmanager
def reading() -> Iterator[tuple[Conn, Membership]]:
    """Read as the person who asks, for the account in sight."""
    person = signed_in_session().person
    account = signed_in_account()
    with as_member(current_services().pool, person.user_id) as conn:
        yield conn, account


def frame(situation: Situation) -> dict[str, Any]:
    """Return what the frame of an account's page shows, for `page(...)`."""
    return {"today": situation.today, "situation": situation, "banners": banners.of(situation)}


def freshness(*times: datetime | None, situation: Situation) -> dict[str, Any]:
    """Return as of when a page's facts hold: the oldest of ``times``, or the last full comparison.

    A row that nothing happened to keeps its time, and the comparison proves it all the same.
    """
    known = [one for one in times if one is not None]
    oldest = min(known, default=None)
    newest = max((one for one in (oldest, situation.checked_at) if one is not None), default=None)
    return {"as_of": newest, "is_stale": newest is not None and clock.now() - newest > STALE_AFTER}
