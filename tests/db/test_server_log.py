"""The database server's own log, with every statement and its parameters in it, holds no secret (CRY-02)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from portal import clock
from portal.db import transaction
from portal.db.pool import open_pool
from portal.people import sessions
from portal.people.sessions import Visit
from portal.zoho.oauth import AccountsServer, Grant
from portal.zoho.tokens import Tokens
from tests.harness.people import sign_in, signed_in
from tests.zoho.conftest import settings_for

if TYPE_CHECKING:
    from flask import Flask

    from portal.db.transaction import Pool

ACCESS, REFRESH = "1000.canary-access", "1000.canary-refresh"


@pytest.fixture
def server_log(conn: Any) -> Path:
    folder = conn.execute("select current_setting('data_directory') as folder").fetchone()["folder"]
    found = Path(folder).parent / "postgres.log"
    if not found.exists():
        pytest.skip("the server of TEST_DATABASE_URL keeps its log elsewhere")
    return found


@pytest.fixture
def talkative(conn: Any, database_url: str) -> Iterator[Pool]:
    """A pool whose every statement is written down with its parameters."""
    name = conn.info.dbname
    conn.execute(f'alter database "{name}" set log_min_duration_statement = 0')
    pool = open_pool(database_url, name="talkative", max_size=2)
    yield pool
    pool.close()
    conn.execute(f'alter database "{name}" reset log_min_duration_statement')


def test_tokens_and_cookies_reach_the_server_sealed_or_hashed(
    app: Flask, talkative: Pool, server_log: Path
) -> None:
    services = app.extensions["services"]
    before = server_log.stat().st_size
    user = sign_in(app)
    settings = settings_for("http://127.0.0.1:9", services.settings.database_url.get_secret_value())
    tokens = Tokens(settings, talkative, services.keyring, AccountsServer(settings))
    proof = signed_in(user_id=user.user_id)
    with transaction.as_worker(talkative) as tx:
        tokens.connect(tx, "10000001", Grant(ACCESS, clock.now(), REFRESH))
    with transaction.as_web(talkative, user.user_id) as tx:
        cookie = sessions.create(tx, services.keyring, proof, Visit("Firefox", "127.0.0.1"))
        sessions.find_live(tx, cookie, hit_kind="read")

    with server_log.open(errors="replace") as log:
        log.seek(before)
        said = log.read()
    assert "billing.oauth_tokens" in said, "the server writes its statements down"
    assert "parameters" in said.lower(), "and their parameters"
    for secret in (ACCESS, REFRESH, cookie, proof.tokens.access, proof.tokens.refresh):
        assert secret not in said
