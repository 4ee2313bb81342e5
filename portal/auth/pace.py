"""Answers that take the same time for known and unknown accounts (AUT-05).

The identity provider hashes a password, or sends a mail, for accounts that exist and not for others. The
answer waits for the next full step of time, so that the difference drowns unless it is larger than a step.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

STEP_SECONDS = 0.25


@contextmanager
def even() -> Iterator[None]:
    """Leave the block only at a full step after it was entered."""
    start = time.monotonic()
    try:
        yield
    finally:
        spent = time.monotonic() - start
        time.sleep(-spent % STEP_SECONDS)
