"""Health, readiness and figures tell the truth about database and schema (design.md section 3)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest

from portal.db import migrate
from tests.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask

    from portal.db.transaction import Pool
    from tests.harness.database import Server

RUNBOOK = (Path(__file__).resolve().parents[2] / "docs" / "runbook.md").read_text()


@pytest.fixture
def empty_database(server: Server) -> Iterator[str]:
    """A database of the server that nobody has migrated."""
    name = f"empty_{uuid4().hex[:8]}"
    with psycopg.connect(server.admin_url, autocommit=True) as conn:
        conn.execute(f'create database "{name}"')
    yield urlunsplit(urlsplit(server.admin_url)._replace(path=f"/{name}"))
    server.drop(name)


def test_ready_when_database_and_schema_are(visitor: Visitor) -> None:
    assert visitor.raw("GET", "/readyz").get_data(as_text=True) == "ready\n"


def test_a_database_that_is_away_is_called_away(make_app: Callable[..., Flask]) -> None:
    stranger = Visitor(make_app(database_url="postgresql://nobody@127.0.0.1:9/nothing"))
    answer = stranger.raw("GET", "/readyz")
    assert (answer.status_code, answer.get_data(as_text=True)) == (
        503,
        "not ready: the database does not answer\n",
    )
    assert stranger.raw("GET", "/healthz").status_code == 200, "a restart would mend nothing"
    assert stranger.raw("GET", "/metrics").status_code == 200, "figures of the process need no database"


def test_a_database_without_schema_is_sent_to_migrate(
    make_app: Callable[..., Flask], empty_database: str
) -> None:
    stranger = Visitor(make_app(database_url=empty_database))
    answer = stranger.raw("GET", "/readyz")
    assert answer.status_code == 503
    assert "run `portal migrate`" in answer.get_data(as_text=True)


def test_a_login_that_owns_nothing_sees_what_is_missing(pool: Pool) -> None:
    newest = "select max(migration_id) as name from portal_migrations._yoyo_migration"
    forget = "delete from portal_migrations._yoyo_migration where migration_id = %s"
    with pool.connection() as conn, conn.transaction(force_rollback=True):
        name = conn.execute(newest).fetchone()["name"]  # type: ignore[index]
        conn.execute(forget, [name])
        conn.execute("select set_config('role', 'portal_worker', true)")
        assert migrate.pending(conn) == [name]


def test_missing_migrations_are_counted(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "pending", lambda _conn: ["0001_a", "0002_b"])
    answer = visitor.raw("GET", "/readyz")
    assert answer.status_code == 503
    assert "2 migrations are missing" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("/healthz", "", 200),
        ("/readyz", "", 200),
        ("/metrics", "a-token-of-metrics", 200),
        # else a page that a browser here is led to by a name of its own could read them
        ("/metrics", "", 400),
        ("/sign-in", "", 400),
    ],
)
def test_machines_ask_by_whatever_name_they_know(
    make_app: Callable[..., Flask], path: str, token: str, status: int
) -> None:
    """A load balancer's check names the address, Prometheus the container."""
    client = make_app(metrics_token=token).test_client()
    bearer = {"Authorization": f"Bearer {token}"}
    assert client.get(path, base_url="http://10.0.0.5:8000", headers=bearer).status_code == status


def test_job_08_the_runbook_explains_every_figure_and_no_other(visitor: Visitor) -> None:
    shown = visitor.raw("GET", "/metrics").get_data(as_text=True)
    # the library tells of each counter when it began, too
    given = set(re.findall(r"^# HELP (portal_\w+?)(?<!_created) ", shown, re.MULTILINE))
    explained = set(re.findall(r"`(portal_\w+)`", RUNBOOK.partition("## Watch")[2].partition("\n## ")[0]))
    assert given == explained


def test_job_08_what_an_operator_is_called_for_can_be_read(visitor: Visitor, conn: Any) -> None:
    assert float("inf") == figure(visitor, "portal_worker_silent_seconds"), "no worker was ever there"
    assert figure(visitor, "portal_intents_unknown_seconds") == figure(visitor, "portal_zoho_refused") == 0

    conn.execute("insert into jobs.procrastinate_workers (last_heartbeat) values (now() - interval '90 s')")
    conn.execute(
        "insert into billing.intents (key, kind, request, request_hash, state, called_at)"
        " values ('k', 'cancel', '{}', '', 'unknown', now() - interval '700 s')"
    )
    conn.execute(
        "insert into billing.oauth_tokens (organization_id, failed_at, failure_kind)"
        " values ('1', now(), 'refused')"
    )
    assert 90 <= figure(visitor, "portal_worker_silent_seconds") < 120
    assert 700 <= figure(visitor, "portal_intents_unknown_seconds") < 730
    assert figure(visitor, "portal_zoho_refused") == 1


def figure(visitor: Visitor, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", visitor.raw("GET", "/metrics").get_data(as_text=True), re.MULTILINE)
    assert found, name
    return float(found.group(1))
