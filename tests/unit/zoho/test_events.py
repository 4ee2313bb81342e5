"""What a webhook is about, from both payload families (facts 7.3 to 7.5; WH-10)."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.zoho import events

FACTS = Path(__file__).resolve().parents[4] / "shared" / "zoho" / "facts.md"


def test_an_event_webhook_names_its_object_first_and_its_relations_after() -> None:
    hint = events.parse(
        json.dumps(
            {
                "event_id": "1003",
                "event_type": "payment_thankyou",
                "created_time": "2026-04-01T06:03:20-0500",
                "event_time": "2026-04-01",
                "data": {
                    "payment": {
                        "payment_id": "8001",
                        "customer_id": "7001",
                        "invoices": [{"invoice_id": "9001"}],
                    }
                },
            }
        ).encode()
    )
    assert hint.event_id == "1003"
    assert hint.event_time == datetime(2026, 4, 1, 11, 3, 20, tzinfo=UTC)
    assert hint.objects == (("payment", "8001"), ("invoice", "9001"))
    assert hint.customer_ids == ("7001",)
    assert hint.is_known


@pytest.mark.parametrize(
    ("data", "first"),
    [
        ({"subscription": {"subscription_id": "5", "customer": {"customer_id": "7"}}}, ("subscription", "5")),
        ({"invoice": {"invoice_id": "9", "subscriptions": [{"subscription_id": "5"}]}}, ("invoice", "9")),
        ({"customerpayment": {"payment_id": "8"}}, ("payment", "8")),
        ({"creditnote": {"creditnote_id": "4"}}, ("credit_note", "4")),
        ({"credit_note": {"creditnote_id": "4"}}, ("credit_note", "4")),
        ({"refund": {"refund_id": "3", "creditnote": {"creditnote_id": "4"}}}, ("credit_note", "4")),
        ({"card": {"card_id": "6", "customer_id": "7"}}, ("payment_methods", "7")),
        ({"payment_method": {"customer_id": "7"}}, ("payment_methods", "7")),
        ({"unbilled_charge": {"customer_id": ["7"], "subscription_id": "5"}}, ("subscription", "5")),
        ({"customer": {"customer_id": "7"}}, ("customer", "7")),
        ({"addon": {"addon_code": "Extra seat/1"}}, ("addon", "Extra seat/1")),
    ],
)
def test_every_key_of_7_5_is_found_in_data_and_at_the_root(
    data: dict[str, object], first: tuple[str, str]
) -> None:
    assert events.parse({"event_id": "1", "data": data}).objects[0] == first
    assert events.parse(data).objects[0] == first


def test_a_declined_payment_may_come_as_payment_subscription_or_invoice() -> None:
    """U2: accept any subset."""
    whole = {
        "payment": {"payment_id": "8"},
        "subscription": {"subscription_id": "5"},
        "invoice": {"invoice_id": "9"},
    }
    for key, value in whole.items():
        hint = events.parse({"event_type": "payment_declined", "data": {key: value}})
        assert len(hint.objects) == 1
    assert len(events.parse({"data": whole}).objects) == 3


def test_a_workflow_webhook_has_no_envelope_and_links_through_subscription_ids() -> None:
    body = b'{"payment":{"payment_id":"1","invoices":[{"invoice_id":"3","subscription_ids":["5001"]}]}}'
    hint = events.parse(body)
    assert hint.event_id == ""
    assert hint.objects == (("payment", "1"), ("invoice", "3"), ("subscription", "5001"))


def test_a_form_names_bare_ids_or_holds_json() -> None:
    bare = urlencode({"customer_id": "99", "customer_name": "Bowman Furniture", "invoice_id": "9"}).encode()
    assert events.parse(bare).objects == (("invoice", "9"),)
    held = urlencode({"JSONString": json.dumps({"subscription": {"subscription_id": "5"}})}).encode()
    assert events.parse(held).objects == (("subscription", "5"),)


def test_a_payload_that_is_text_is_read_as_json() -> None:
    inner = json.dumps(
        {"event_id": "4", "event_type": "card_expired", "data": {"card": {"customer_id": "7"}}}
    )
    hint = events.parse({"payload": inner})
    assert (hint.event_id, hint.event_type, hint.objects) == (
        "4",
        "card_expired",
        (("payment_methods", "7"),),
    )


def test_an_unknown_event_type_is_kept_and_called_unknown_wh_10() -> None:
    hint = events.parse({"event_id": "1", "event_type": "quote_sent", "data": {"quote": {"quote_id": "1"}}})
    assert hint.event_type == "quote_sent"
    assert not hint.is_known
    assert hint.objects == ()


def test_what_does_not_look_like_an_id_is_not_taken_for_one() -> None:
    for odd in ("../../admin", "1 or 1=1", "x" * 200, "a\nb", {"id": 1}, ["1"], True):
        assert events.parse({"data": {"subscription": {"subscription_id": odd}}}).objects == ()


def test_every_event_type_of_the_facts_is_known() -> None:
    if not FACTS.exists():
        pytest.skip("../shared/zoho/facts.md is not here: the project stands alone")
    table = FACTS.read_text().split("### 7.4")[1].split("### 7.5")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if re.match(r"\| (?!event_type)[a-z]+_", line)]
    names: set[str] = set()
    for cell in rows:
        first, *others = [part.strip() for part in re.split(r"[,/]", cell)]
        stem = first.rsplit("_", 1)[0]
        names |= {first, *(stem + other if other.startswith("_") else other for other in others)}
    assert names
    assert names == events.EVENT_TYPES


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("a1{}:", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab_", max_size=5), inner, max_size=4)
    ),
    max_leaves=15,
)
KEYS = st.sampled_from(
    ["data", "payload", "event_id", "created_time", "subscription", "invoice", "payment", "card", "refund"]
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200))
def test_no_body_makes_the_parser_raise(body: bytes) -> None:
    assert isinstance(events.parse(body), events.EventHint)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(KEYS, json_values, max_size=6))
def test_no_json_makes_the_parser_raise(found: dict[str, object]) -> None:
    assert isinstance(events.parse(found), events.EventHint)
    assert isinstance(events.parse(json.dumps(found).encode()), events.EventHint)


def test_json_nested_too_deep_to_read_is_an_empty_hint() -> None:
    assert events.parse(b"[" * 200_000) == events.EventHint()
