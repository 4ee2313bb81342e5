"""Bad weather, then healing: after one reconciliation nothing differs, a second writes nothing (INV-1)."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from werkzeug.serving import make_server

from portal.db import transaction
from portal.errors import PortalError
from portal.sync import apply, feed, inbox, reconcile
from portal.sync.subjects import Subject
from tests.sync.test_reconcile import differences

if TYPE_CHECKING:
    from flask import Flask

    from portal.services import Services
    from tests.harness.processes import Sandbox

WEATHER = {
    "api": {"429": 0.05, "500": 0.05, "empty": 0.03, "200_error": 0.03, "reset": 0.03},
    "webhooks": {"drop": 0.3, "duplicate": 0.5, "reorder": True, "corrupt": 0.05, "delay_s": [0, 0.3]},
}
WAITING = """
select distinct object_kind, object_zoho_id from billing.inbox
where state in ('pending', 'failed', 'applying')
"""
HEALTHY = "update billing.call_budget set blocked_until = null, throttles = 0, breaker_state = 'closed'"
VERSIONS = "select zoho_id, zoho_updated_at from billing.{} where zoho_updated_at is not null"


@pytest.fixture
def receiving(app: Flask, settings_env: dict[str, str]) -> Iterator[str]:
    """Serve the portal where the sandbox sends its webhooks."""
    server = make_server("127.0.0.1", urlsplit(settings_env["BASE_URL"]).port or 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"{settings_env['BASE_URL']}/webhooks/zoho"
    server.shutdown()
    thread.join()


@pytest.mark.parametrize(
    ("seed", "steps"), [(1, 5), pytest.param(2, 15, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_after_the_storm_everything_is_as_zoho_has_it(
    services: Services, sandbox: Sandbox, conn: Any, receiving: str, seed: int, steps: int
) -> None:
    dice = random.Random(seed)
    secret = services.settings.zoho_webhook_secrets[0].get_secret_value()
    sandbox.control("webhooks", {"url": receiving, "secret": secret, "payload": "event"})
    reconcile.full(services)
    sandbox.control("faults", {**WEATHER, "seed": seed})
    seen: dict[str, Any] = {}
    for _ in range(steps):
        happen(sandbox, dice)
        time.sleep(0.5)  # what Zoho sends takes its time
        work(services, conn)
        assert_never_backwards(conn, seen)

    sandbox.control("faults", {})
    heal(services, conn)
    arrived = conn.execute("select kind, count(*) n from billing.inbox group by kind").fetchall()
    assert "webhook" in {row["kind"] for row in arrived}, "no webhook came through"

    assert differences(sandbox, conn) == []
    second = reconcile.full(services, options={"thorough": True}, wait=True)
    assert (second.problem, second.rows_written) == ("", 0)
    # Not only what lists show: every object read again, column by column. (The raw JSON of an object also
    # holds copies of others, such as the customer's name, which change without it being touched.)
    every = reconcile.full(services, options={"force": True}, wait=True)
    mine = "select object_kind, field, ours, theirs from billing.drift where run_id = %s and field <> 'raw'"
    assert conn.execute(mine, [every.id]).fetchall() == []
    assert conn.execute("select count(*) n from billing.inbox where state = 'dead'").fetchone()["n"] == 0


def happen(sandbox: Sandbox, dice: random.Random) -> None:
    """Let something happen at Zoho; what Zoho refuses does not happen."""
    subscription = dice.choice(sandbox.state("subscriptions"))["subscription_id"]
    invoice = dice.choice(sandbox.state("invoices"))["invoice_id"]
    customer = dice.choice(sandbox.state("customers"))["customer_id"]
    what: dict[str, Any] = dice.choice(
        [
            {"kind": "cancel", "subscription_id": subscription, "at_end": dice.random() < 0.5},
            {"kind": "charge", "subscription_id": subscription, "amount": 7, "description": "extra"},
            {"kind": "record_payment", "invoice_id": invoice},
            {"kind": "void_invoice", "invoice_id": invoice},
            {"kind": "edit_customer", "customer_id": customer, "display_name": f"Name {dice.random()}"},
            {"kind": "next_charge_declines"},
            {"kind": "delete_subscription", "subscription_id": subscription},
            {"advance_days": dice.randint(1, 20)},
        ]
    )
    if "advance_days" in what:
        sandbox.advance(what["advance_days"])
        return
    try:
        sandbox.control("act", what)
    except AssertionError as refused:
        if ": 4" not in str(refused):
            raise


def work(services: Services, conn: Any) -> None:
    """Do what a worker would, once for every object that waits."""
    for row in conn.execute(WAITING).fetchall():
        let_the_pause_pass(conn)
        apply.apply(services, Subject(row["object_kind"], row["object_zoho_id"]))


def let_the_pause_pass(conn: Any) -> None:
    """The minute that a 429 or a row of failures costs is over at once; how long it is has its own tests."""
    conn.execute(HEALTHY)


def heal(services: Services, conn: Any) -> None:
    conn.execute("update billing.inbox set next_attempt_at = now() where state <> 'applied'")
    work(services, conn)
    let_the_pause_pass(conn)
    for sweep in (feed.pull, reconcile.full):
        try:
            sweep(services)
        except PortalError:
            continue
    run = reconcile.full(services, options={"thorough": True}, wait=True)
    assert run.problem == ""
    with transaction.as_worker(services.pool) as tx:
        assert inbox.list_due(tx) == []


def assert_never_backwards(conn: Any, seen: dict[str, Any]) -> None:
    """INV-5: no object is ever replaced by an older version of itself."""
    for table in ("subscriptions", "invoices", "payments", "customers"):
        for row in conn.execute(VERSIONS.format(table)):
            key = f"{table}:{row['zoho_id']}"
            assert row["zoho_updated_at"] >= seen.get(key, row["zoho_updated_at"]), key
            seen[key] = row["zoho_updated_at"]
