"""Nobody learns from the time of an answer whether an address is known here (AUT-05)."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.visitor import Visitor

if TYPE_CHECKING:
    from flask import Flask
    from psycopg import Connection

    Conn = Connection[dict[str, Any]]

KNOWN, UNKNOWN = "ada@example.com", "nobody-{}@example.com"
FLOWS: dict[str, tuple[dict[str, str], int]] = {
    "/sign-in": ({"password": "wrong"}, 422),
    "/password-reset": ({}, 303),
    "/magic-link": ({}, 303),
    "/sign-up": ({"name": "Somebody", "password": "a long enough passphrase"}, 303),
}

pytestmark = pytest.mark.usefixtures("sandbox", "database_url")


def compare(app: Flask, conn: Conn, path: str, tries: int) -> None:
    """Take turns between a known address and new ones; medians differ by no more than 20 ms.

    On a machine whose own noise is more than that, its noise is the bound.
    """
    more, status = FLOWS[path]
    taken: dict[str, list[float]] = {KNOWN: [], UNKNOWN: []}
    for number in range(tries):
        for email, times in taken.items():
            conn.execute("delete from billing.rate_limits")
            visitor = Visitor(app)
            visitor.get(path)
            given = {"email": email.format(number), **more}
            start = time.monotonic()
            visitor.submit(given, action=path, status=status, follow=False)
            times.append(time.monotonic() - start)
    known, unknown = (statistics.median(times) for times in taken.values())
    noise = max(statistics.pstdev(times) for times in taken.values()) / (tries / 10) ** 0.5
    assert abs(known - unknown) < max(0.02, noise), (known, unknown, noise)


@pytest.mark.parametrize("path", FLOWS)
def test_known_and_unknown_addresses_take_the_same_time(app: Flask, conn: Conn, path: str) -> None:
    """AUT-05: a few tries, which would show a password hashed for one of them only."""
    compare(app, conn, path, tries=6)


@pytest.mark.slow
@pytest.mark.parametrize("path", FLOWS)
def test_two_hundred_tries_tell_nothing(app: Flask, conn: Conn, path: str) -> None:
    """AUT-05"""
    compare(app, conn, path, tries=200)
