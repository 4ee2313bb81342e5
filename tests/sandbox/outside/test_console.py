"""The console: every page within reach is whole, and each of its acts does what it says."""

from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import Browser
from werkzeug.serving import make_server

from sandbox.engine import acts
from tests import page_rules
from tests.harness.browser import DESKTOP, PHONE, visitor
from tests.sandbox.outside.conftest import Bench

RULES = (
    page_rules._frame,
    page_rules._heading_order,
    page_rules._unique_ids,
    page_rules._nothing_inline,
    page_rules._references,
    page_rules._pictures_and_tables,
    page_rules._labels,
    page_rules._no_leaks,
    page_rules._link_words,
)
PAGES = (
    *("/console", "/console/customers", "/console/subscriptions", "/console/invoices", "/console/acts"),
    *("/console/events", "/console/webhooks", "/console/calls", "/console/oauth", "/console/clock"),
    *("/console/catalogue", "/console/pages", "/console/weather", "/console/switches", "/console/world"),
)


def page(bench: Bench, address: str) -> BeautifulSoup:
    answer = bench.client.get(address)
    assert answer.status_code == 200, f"{address}: {answer.status_code}"
    soup = BeautifulSoup(answer.text, "html5lib")
    faults = [fault for rule in RULES for fault in rule(soup)]
    assert faults == [], f"{address}: {faults}"
    assert len(soup.find_all("h1")) == 1, address
    assert soup.title, address
    return soup


def heading(bench: Bench, address: str) -> str:
    return page_rules.words(page(bench, address).h1)


def post(bench: Bench, address: str, **form: str) -> str:
    """Send a form and return the message that the next page shows."""
    answer = bench.client.post(address, data=form)
    assert answer.status_code == 303, answer.text[:300]
    notice = page(bench, answer.location).find(class_="notice", role=True)
    return page_rules.words(notice)


def settled(bench: Bench) -> None:
    for _ in range(400):
        if not bench.control("clock")["progress"]["running"]:
            return
        time.sleep(0.02)
    raise AssertionError("the long act never ended")


def test_every_page_within_reach_is_whole(bench: Bench) -> None:
    bench.client.get("/billing/v1/plans", headers=bench.headers())
    bench.control("clock", {"advance_days": 31})
    bench.control("faults", {"api": {"slow": 0.1}})
    waiting, seen = ["/console"], set[str]()
    while waiting:
        address = waiting.pop()
        kind = re.sub(r"\d{5,}", "id", address)
        if kind in seen:
            continue
        seen.add(kind)
        found = [str(a["href"]) for a in page(bench, address).find_all("a", href=True)]
        inside = [urljoin(address, link) for link in found if not urlsplit(link).netloc]
        waiting += [link for link in inside if link.startswith("/console") and "#" not in link]

    assert set(PAGES) <= seen
    assert {"/console/customers/id", "/console/subscriptions/id", "/console/events/id"} <= seen


def test_empty_company_has_words_on_every_page(bench: Bench) -> None:
    bench.control("reset", {"seed": "empty"})

    for address in PAGES:
        page(bench, address)
    assert heading(bench, "/console") == "The company has no customers yet"


def test_unknown_subject_is_not_found(bench: Bench) -> None:
    for kind in ("customers", "subscriptions", "invoices", "events"):
        assert bench.client.get(f"/console/{kind}/12345").status_code == 404


def test_staff_cancels_on_the_page_of_the_subscription(bench: Bench) -> None:
    sub = bench.control("state?kind=subscriptions")["subscriptions"][0]["subscription_id"]
    address = f"/console/subscriptions/{sub}"
    form = {"kind": "cancel", "subscription_id": sub, "from": address}

    assert post(bench, "/console/acts", **form) == "Done."
    assert "Cancelled" in page_rules.words(page(bench, address).main)
    assert post(bench, "/console/acts", **form).startswith("Not done. ")


def test_invoice_adds_up_on_its_page(bench: Bench) -> None:
    invoice = bench.control("state?kind=invoices")["invoices"][0]
    sums = page(bench, f"/console/invoices/{invoice['invoice_id']}").select("dl.sums dd")
    shown = [float(each.text.replace("$", "").replace("−", "-").replace(",", "")) for each in sums]
    sub_total, tax, total, *settled, left = shown
    assert (sub_total + tax, total + sum(settled)) == pytest.approx((total, left))
    assert total == invoice["total"]


def test_form_of_an_act_asks_for_what_its_manual_names(bench: Bench) -> None:
    offered = {a["href"] for a in page(bench, "/console/acts").select("dl.facts a")}
    assert offered == {f"/console/acts?kind={kind}" for kind in acts.ACTS}
    for kind, act in acts.ACTS.items():
        form = {each["name"] for each in page(bench, f"/console/acts?kind={kind}").select("form.card input")}
        manual = (act.__doc__ or "").lower()
        named = set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", manual)) - {"do_not_honor"}  # a reason, no field
        assert named <= form, kind
        assert all(re.search(rf"\b{name}\b", manual) for name in form - {"kind", "from"}), kind


def test_act_that_was_refused_leads_back_to_its_form(bench: Bench) -> None:
    form = {"kind": "void_invoice", "invoice_id": "7", "from": "/console/acts?kind=void_invoice"}
    answer = bench.client.post("/console/acts", data=form)
    assert answer.location.startswith("/console/acts?kind=void_invoice&wrong=Not%20done.%20Invoice")


def test_customer_shows_payment_methods_with_what_staff_can_do(bench: Bench) -> None:
    card = bench.control("state?kind=cards")["cards"][0]
    address = f"/console/customers/{card['customer_id']}"
    shown = page_rules.words(page(bench, address).main)
    assert f"Card ending {card['last_four_digits']}" in shown
    assert card["card_id"] in shown

    form = {"kind": "delete_card", "card_id": card["card_id"], "from": address}
    assert post(bench, "/console/acts", **form) == "Done."
    assert "Nothing on file." in page_rules.words(page(bench, address).main)


def test_events_say_what_they_are_about(bench: Bench) -> None:
    sub = bench.control("state?kind=subscriptions")["subscriptions"][0]
    about = f"{sub['subscription_number']}, {sub['customer']['display_name']}"
    shown = [page_rules.words(row) for row in page(bench, "/console/events?page=2").select("tbody tr")]
    assert any("subscription_created" in row and about in row for row in shown)


def test_message_does_not_lead_away_from_the_console(bench: Bench) -> None:
    answer = bench.client.post("/console/acts", data={"kind": "x", "from": "https://evil.example/"})

    assert answer.location.startswith("/console/acts?")


def test_price_is_changed_in_the_catalogue(bench: Bench) -> None:
    form = {"kind": "change_price", "plan_code": "team-m", "price": "59", "from": "/console/catalogue"}

    assert post(bench, "/console/acts", **form) == "Done."
    field = page(bench, "/console/catalogue").find(id="price-team-m")
    assert field is not None
    assert field["value"] == "59"


def test_clock_moves_and_the_page_looks_again_meanwhile(bench: Bench) -> None:
    before = bench.control("clock")["today"]

    assert bench.client.post("/console/clock", data={"step": "month"}).status_code == 303
    settled(bench)

    assert bench.control("clock")["today"] > before
    assert "forward" in post(bench, "/console/clock", to="2001-01-01T00:00")


def test_moving_clock_shows_how_far_it_is(bench: Bench) -> None:
    stamps = {"from": "2026-01-01T06:00:00-0500", "at": "2026-01-11T06:00:00-0500"}
    bench.world.progress = {"running": True, "to": "2026-01-31T06:00:00-0500", **stamps}

    soup = page(bench, "/console/clock")

    assert soup.progress is not None
    assert (soup.progress["value"], soup.progress["max"]) == ("10", "30")
    assert soup.find("meta", attrs={"http-equiv": "refresh"})


def test_weather_form_keeps_what_was_set(bench: Bench) -> None:
    said = post(bench, "/console/weather", **{"api.429": "12.5", "webhooks.drop": "5", "seed": "9"})

    assert said == "The weather has changed."
    assert bench.control("faults") == {"api": {"429": 0.125}, "webhooks": {"drop": 0.05}, "seed": 9}
    field = page(bench, "/console/weather").find(id="api-429")
    assert field is not None
    assert field["value"] == "12.5"
    assert "Bad weather is on" in page_rules.words(page(bench, "/console").main)
    assert post(bench, "/console/weather", sample="{}") == "The sky is clear."


def test_weather_form_says_what_is_wrong(bench: Bench) -> None:
    assert "no number" in post(bench, "/console/weather", **{"api.429": "much"})
    assert "between 0 and 1" in post(bench, "/console/weather", **{"api.429": "250"})


def test_endpoint_is_added_changed_and_removed(bench: Bench) -> None:
    url = "http://127.0.0.1:9/hook"
    assert post(bench, "/console/webhooks", url=url, payload="workflow", active="on") == "Saved."
    made = bench.control("webhooks")["webhooks"][-1]
    changed = {"webhook_id": made["webhook_id"], "url": url, "events": "card_expired, card_deleted"}
    post(bench, "/console/webhooks", **changed)
    after = bench.control("webhooks")["webhooks"][-1]

    assert (after["events"], after["active"]) == (["card_expired", "card_deleted"], False)
    post(bench, f"/console/webhooks/{made['webhook_id']}/removal")
    assert made["webhook_id"] not in str(bench.control("webhooks"))


def test_event_is_sent_again(bench: Bench) -> None:
    bench.emit()
    event = bench.control("events")["events"][0]["event_id"]

    assert post(bench, f"/console/events/{event}/resend") == "On its way again to 1 endpoint."


def test_self_client_code_is_shown_once_and_works(bench: Bench) -> None:
    answer = bench.client.post(
        "/console/oauth/codes", data={"client_id": "1000.SANDBOXCLIENT", "minutes": "5"}
    )
    code = re.search(r"1000\.[0-9a-f]{32}\.[0-9a-f]{32}", answer.text)

    assert code is not None
    client = {"client_id": "1000.SANDBOXCLIENT", "client_secret": "sandbox-client-secret"}
    got = bench.token(grant_type="authorization_code", code=code[0], **client)
    assert "refresh_token" in got.json


def test_client_is_made_and_its_token_revoked(bench: Bench) -> None:
    made = post(bench, "/console/oauth/clients", name="CLI", type="self")
    refused = post(bench, "/console/oauth/clients", name="Web", type="server")

    assert (made, refused[:9]) == ("The client is made.", "Not made.")
    assert post(bench, "/console/oauth/revocations", token="1000.sandbox.refresh")


def test_switch_is_turned_and_a_wrong_value_changes_nothing(bench: Bench) -> None:
    assert post(bench, "/console/switches", u5_expired_token="401/14") == "Changed: u5_expired_token."
    assert post(bench, "/console/switches", u6_per_minute="many").startswith("Nothing changed.")
    assert post(bench, "/console/switches", u5_expired_token="401/14") == "Nothing differed."


def test_world_is_reset_and_a_copy_loaded(bench: Bench) -> None:
    copy = bench.client.get("/_control/export").data
    bench.client.post("/console/world/reset", data={"seed": "empty"})
    settled(bench)
    assert bench.control("state")["counts"]["customers"] == 0

    file = (io.BytesIO(copy), "world.json")
    bench.client.post("/console/world/import", data={"world": file})
    settled(bench)
    assert bench.control("state")["counts"]["customers"] > 0

    nonsense = bench.client.post("/console/world/import", data={"world": (io.BytesIO(b"{"), "x.json")})
    assert "wrong=Not%20loaded" in nonsense.location


@pytest.fixture
def served(bench: Bench) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, bench.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.browser
def test_console_in_a_browser_is_clean_at_two_widths(bench: Bench, served: str, browser: Browser) -> None:
    bench.control("clock", {"advance_days": 31})
    sub = bench.control("state?kind=subscriptions")["subscriptions"][0]["subscription_id"]
    event = bench.control("events")["events"][0]["event_id"]
    invoice = bench.control("state?kind=invoices")["invoices"][0]["invoice_id"]
    asked = "client_id=1000.SANDBOXCLIENT&response_type=code&redirect_uri=http://127.0.0.1/cb"
    consent = f"/oauth/v2/auth?{asked}&scope=ZohoSubscriptions.fullaccess.all&prompt=consent"
    owned = (f"/console/subscriptions/{sub}", f"/console/invoices/{invoice}")
    subjects = (*owned, f"/console/events/{event}", consent)
    for viewport, scheme in ((PHONE, "dark"), (DESKTOP, "light")):
        with visitor(browser, viewport=viewport, color_scheme=scheme) as tab:
            for address in (*PAGES, *subjects):
                tab.page.goto(served + address)
                tab.assert_clean()
