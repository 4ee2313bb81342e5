"""The full reconciliation against a real sandbox (CONV-07, INV-1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portal.sync import reconcile

if TYPE_CHECKING:
    import psycopg

    from portal.services import Services
    from tests.harness.processes import Sandbox


def test_first_pass_brings_everything_and_the_second_writes_nothing(
    services: Services, sandbox: Sandbox, conn: psycopg.Connection[dict[str, Any]]
) -> None:
    first = reconcile.full(services)
    second = reconcile.full(services)

    assert first.problem == second.problem == ""
    assert second.rows_written == 0
    ours = conn.execute("select zoho_id from billing.subscriptions where gone_at is null").fetchall()
    assert {row["zoho_id"] for row in ours} == {
        one["subscription_id"] for one in sandbox.state("subscriptions")
    }
