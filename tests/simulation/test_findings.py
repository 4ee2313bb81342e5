"""What seeds have found, each as the shortest play that shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.wrappers import Response

from portal.sync import feed, reconcile
from portal.sync.subjects import Subject
from tests.simulation import compare
from tests.simulation.stage import EMAILS, Setting, Stage

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ADA = EMAILS[0]
UNHEARD = {"webhooks": {"drop": 1, "drop_as": "silent"}}


@pytest.fixture
def setting(stage: Stage) -> Iterator[Setting]:
    """The start of every seed, in good weather, without a single webhook."""
    with stage.play("findings") as setting:
        control(setting, "faults", UNHEARD)
        yield setting


def control(setting: Setting, what: str, body: dict[str, Any]) -> None:
    with setting.zoho.test_client() as client:
        answer = client.post(f"/_control/{what}", json=body)
    assert answer.status_code == 200, answer.get_data(as_text=True)


def of_ada(setting: Setting, table: str) -> list[dict[str, Any]]:
    statement = (
        f"select o.* from billing.{table} o join billing.accounts a on a.id = o.account_id"
        " where a.billing_email = %s and o.gone_at is null order by o.zoho_id"
    )
    return setting.rows(statement, ADA)


def compare_all(setting: Setting) -> list[str]:
    reconcile.full(setting.services, options={"thorough": True}, wait=True)
    return compare.differences(setting)


def pull_all(setting: Setting) -> list[str]:
    """Pull, and go on when there are calls again; return the states of the runs."""
    for _ in range(20):
        setting.virtual.sleep(300)
        if feed.pull(setting.services).problem == "":
            break
    return [row["state"] for row in setting.rows("select state from billing.sync_runs where kind = 'events'")]


def test_inv_1_a_card_deleted_at_zoho_leaves_the_subscription_too(setting: Setting) -> None:
    """Neither modification time nor list row of the subscription tells (seed 15)."""
    card = next(row["payment_method_zoho_id"] for row in of_ada(setting, "subscriptions"))
    control(setting, "act", {"kind": "delete_card", "card_id": card})

    assert compare_all(setting) == []
    assert [row["payment_method_zoho_id"] for row in of_ada(setting, "subscriptions")] == [""]


def test_an_announced_deletion_of_a_card_brings_its_subscriptions(setting: Setting) -> None:
    from portal.db import transaction
    from portal.sync import apply, inbox

    subscription = of_ada(setting, "subscriptions")[0]
    control(setting, "act", {"kind": "delete_card", "card_id": subscription["payment_method_zoho_id"]})
    subject = Subject("payment_methods", subscription["customer_zoho_id"])
    with transaction.as_worker(setting.services.pool) as conn:
        inbox.store(conn, inbox.Delivery("event:1", event_type="card_deleted", subjects=[subject]))
    apply.apply(setting.services, subject)

    assert [row["payment_method_zoho_id"] for row in of_ada(setting, "subscriptions")] == [""]


def test_inv_1_a_customer_deleted_at_zoho_takes_its_cards_along(setting: Setting) -> None:
    """Its methods were never asked for again, because the customer was gone (seed 21)."""
    customer = of_ada(setting, "customers")[0]["zoho_id"]
    control(setting, "act", {"kind": "delete_customer", "customer_id": customer, "force": True})

    assert compare_all(setting) == []
    assert of_ada(setting, "payment_methods") == []


def test_wh_14_an_event_that_is_listed_and_not_readable_holds_up_no_other(setting: Setting) -> None:
    """Zoho's reads lag behind each other; the whole pull used to fail, again and again (seed 14)."""
    for subscription in of_ada(setting, "subscriptions") * 2:
        asked = {"kind": "charge", "subscription_id": subscription["zoho_id"], "amount": "5"}
        control(setting, "act", asked)
    missed = [event["event_id"] for event in compare.state(setting, "events")]
    hidden = _Hiding(setting, f"/billing/v1/events/{missed[-1]}")
    states = pull_all(setting)
    hidden.path = ""
    pull_all(setting)

    kept = [
        row["event_id"] for row in setting.rows("select event_id from billing.inbox order by received_at")
    ]
    assert "failed" not in states
    assert kept[-1] == missed[-1]
    assert len(kept) == len(set(kept)) >= 2


class _Hiding:
    """Zoho, except that one address is not there yet."""

    def __init__(self, setting: Setting, path: str) -> None:
        self.path = path
        self._inner = setting.zoho.wsgi_app
        setting.network.places[setting.stage.settings.zoho_api_url] = self

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != self.path:
            return self._inner(environ, start_response)
        text = '{"code":1002,"message":"Event does not exist."}'
        return Response(text, 404, content_type="application/json")(environ, start_response)
