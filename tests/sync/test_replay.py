"""Replaying what the inbox holds: dead letters come back to life, and only what was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portal.db import transaction
from portal.sync import inbox, replay
from portal.sync.inbox import Delivery
from portal.sync.subjects import Subject

if TYPE_CHECKING:
    from portal.services import Services
    from tests.harness.processes import Sandbox


def test_dead_letters_are_applied_again_and_others_left_alone(
    services: Services, sandbox: Sandbox, conn: Any
) -> None:
    ids = [row["subscription_id"] for row in sandbox.state("subscriptions")]
    with transaction.as_web(services.pool) as tx:
        for number, zoho_id in enumerate(ids[:2]):
            inbox.store(tx, Delivery(f"k{number}", subjects=[Subject("subscription", zoho_id)]))
        inbox.store(tx, Delivery("nothing", event_type="moon_rose"))
    conn.execute("update billing.inbox set state = 'dead', attempts = 9 where dedupe_key = 'k0'")

    run = replay.many(services)

    states = {row["dedupe_key"]: row["state"] for row in conn.execute("select * from billing.inbox")}
    assert states == {"k0": "applied", "k1": "pending", "nothing": "ignored"}
    assert (run.problem, run.rows_read) == ("", 1)
    row = conn.execute("select state from billing.sync_runs where kind = 'replay'").fetchone()
    assert row["state"] == "done"
