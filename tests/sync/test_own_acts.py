"""What an account does itself is no drift, and days are the organisation's (CONV-07, facts.md 10)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from portal import clock
from portal.db import transaction
from portal.mail import dunning
from portal.sync import hot, intents, reconcile
from portal.sync.intents import Wish
from tests.harness.worlds import World

if TYPE_CHECKING:
    from portal.db.transaction import Pool
    from portal.services import Services
    from tests.harness.processes import Sandbox

# Noon in UTC is tomorrow's early morning there, and still yesterday's night on the other side.
NOON = datetime(2026, 3, 8, 12, 0, tzinfo=UTC)
TODAY_IN = {
    "UTC": date(2026, 3, 8),
    "Pacific/Kiritimati": date(2026, 3, 9),
    "Pacific/Pago_Pago": date(2026, 3, 8),
    "": date(2026, 3, 8),
    "Nowhere/Land": date(2026, 3, 8),
    "../../etc/passwd": date(2026, 3, 8),
}


def change_at_zoho(sandbox: Sandbox, conn: Any) -> Any:
    """Let a subscription of a linked account change at Zoho, unannounced; return the account."""
    (row,) = conn.execute(
        "select zoho_id, customer_zoho_id from billing.subscriptions where status = 'live' limit 1"
    ).fetchall()
    made = (
        "insert into billing.accounts (name, billing_email, zoho_customer_id)"
        " values ('Ada', 'ada@example.com', %s) returning id"
    )
    account = conn.execute(made, [row["customer_zoho_id"]]).fetchone()["id"]
    sandbox.control("act", {"kind": "cancel", "subscription_id": row["zoho_id"]})
    return account, row["zoho_id"]


@pytest.mark.parametrize("is_under_way", [True, False])
def test_an_act_under_way_is_no_drift(
    services: Services, sandbox: Sandbox, conn: Any, is_under_way: bool
) -> None:
    """CONV-07: a comparison between the act at Zoho and its reading brings the mirror level, no more."""
    reconcile.full(services)
    account, zoho_id = change_at_zoho(sandbox, conn)
    if is_under_way:
        with transaction.as_worker(services.pool) as tx:
            intents.record(tx, Wish("k", "cancel", account, None, {}, "subscription", zoho_id))

    run = reconcile.full(services)

    assert run.rows_written > 0
    kinds = [row["object_kind"] for row in conn.execute("select object_kind from billing.drift")]
    assert ("subscription" in kinds) is not is_under_way
    assert (run.drift_found > 0) is not is_under_way
    (row,) = conn.execute("select status from billing.subscriptions where zoho_id = %s", [zoho_id]).fetchall()
    assert row["status"] == "cancelled"


@pytest.mark.parametrize("zone", TODAY_IN)
def test_a_day_is_the_organisations_whatever_it_is_called(zone: str) -> None:
    """A name that nobody knows shuts no page."""
    with clock.replaced_by(lambda: NOON):
        assert clock.today(zone) == TODAY_IN[zone]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_watches_keep_the_organisations_day(conn: Any, pool: Pool, zone: str) -> None:
    """East of UTC renewals are due before it is that day here; west of it no trial ends a day early."""
    world = World(conn)
    world.organization(time_zone=zone)
    ada = world.member()
    before_noon = NOON - timedelta(hours=9)
    due = world.subscription(ada, next_billing_on=date(2026, 3, 9), read_started_at=before_noon)
    world.subscription(ada, status="trial", trial_ends_on=date(2026, 3, 12), read_started_at=NOON)

    with clock.replaced_by(lambda: NOON), transaction.as_worker(pool) as tx:
        found = [subject.zoho_id for subject in hot._due(tx, 10)]
        written = dunning.follow_calendar(tx)

    is_east = zone == "Pacific/Kiritimati"
    assert found == ([due["zoho_id"]] if is_east else [])
    assert written == is_east
