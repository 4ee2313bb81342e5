"""What was acknowledged is kept, though the database server is killed again and again (WH-05, R4)."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import dict_row

from portal.db import migrate
from portal.db.embedded import EmbeddedPostgres
from tests.harness.processes import until
from tests.resilience.conftest import kill_postgres
from tests.web.test_webhooks import HEADER, PATH, event, signed

if TYPE_CHECKING:
    from flask import Flask

WRITERS = 4


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server of its own. Its default is the careless one: the inbox must ask for the careful one."""
    options = ("synchronous_commit=off", "wal_writer_delay=10000ms", "fsync=off", "shared_buffers=32MB")
    server = EmbeddedPostgres(tmp_path_factory.mktemp("acknowledged"), options=options)
    server.start()
    migrate.apply(server.url())
    yield server
    server.stop()


def write(app: Flask, numbers: Iterator[int], stop: threading.Event, acknowledged: list[str]) -> None:
    """Deliver one event after another, as fast as they are taken."""
    client = app.test_client()
    while not stop.is_set():
        number = str(next(numbers))
        body = event(number, f"7{number}")
        answer = client.post(PATH, data=body, headers={HEADER: signed(body)}, content_type="application/json")
        if answer.status_code == 200:
            acknowledged.append(number)
        else:
            assert answer.status_code == 503
            assert answer.headers["Retry-After"]
            time.sleep(0.05)


def storm(app: Flask, postgres: EmbeddedPostgres, kills: int, numbers: Iterator[int]) -> set[str]:
    """Kill the server ``kills`` times while deliveries come in; return what was acknowledged."""
    dice, stop, acknowledged = random.Random(4), threading.Event(), list[str]()
    writers = [
        threading.Thread(target=write, args=(app, numbers, stop, acknowledged)) for _ in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    try:
        for _ in range(kills):
            before = len(acknowledged)
            until(lambda before=before: len(acknowledged) > before + 20, seconds=60, what="deliveries")
            time.sleep(dice.uniform(0.0, 0.4))
            kill_postgres(postgres)
    finally:
        stop.set()
        for writer in writers:
            writer.join(30)
    return set(acknowledged)


def rows(postgres: EmbeddedPostgres, statement: str) -> list[dict[str, Any]]:
    with psycopg.connect(postgres.url(), row_factory=dict_row) as conn:
        return conn.execute(statement.encode()).fetchall()


def assert_nothing_is_missing(postgres: EmbeddedPostgres, acknowledged: set[str]) -> None:
    kept = {row["event_id"] for row in rows(postgres, "select event_id from billing.inbox")}
    assert acknowledged <= kept, sorted(acknowledged - kept)[:5]
    # JOB-01: row and job live or die together.
    without = rows(
        postgres,
        "select event_id from billing.inbox i where not exists (select from jobs.procrastinate_jobs j"
        " where j.lock = 'zoho:' || i.object_kind || ':' || i.object_zoho_id)",
    )
    assert not without


def test_wh_05_no_acknowledged_delivery_is_lost_with_the_server(
    postgres: EmbeddedPostgres, make_app: Callable[..., Flask]
) -> None:
    acknowledged = storm(make_app(database_url=postgres.url()), postgres, 3, count(1))
    assert len(acknowledged) >= 60
    assert_nothing_is_missing(postgres, acknowledged)


@pytest.mark.slow
def test_wh_05_not_in_a_hundred_kills_and_ten_thousand_deliveries(
    postgres: EmbeddedPostgres, make_app: Callable[..., Flask]
) -> None:
    app, numbers = make_app(database_url=postgres.url()), count(1_000_000)
    acknowledged, kills = set[str](), 0
    while kills < 100 or len(acknowledged) < 10_000:
        acknowledged |= storm(app, postgres, 20, numbers)
        kills += 20
    assert_nothing_is_missing(postgres, acknowledged)
