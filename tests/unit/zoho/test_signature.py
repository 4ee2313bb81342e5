"""The signature of a webhook: Zoho's documented vectors, and everything that must not pass (WH-01, WH-04)."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.zoho import signature

SECRET = "PortalDemoSecret01"
JSON = b'{"event_id":"90300000005337","event_type":"card_expiring"}'
FORM = b"customer_id=903000000000099&customer_name=Bowman+Furniture&total=50.00"
VECTORS = [
    (JSON, "", "468e499bbfd086975dc297564112aca511afc201b1dc495041bc0da5816d31a1"),
    (JSON, "tenant=acme&region=us", "d22819b11bed1a380c9a0e1f375baf4385ea3560ebe87ebc01b609f7559a44f8"),
    (FORM, "tenant=acme&region=us", "c8261e09b1bc38932e61b637df940dab01fa479bf4c4fa56223b2a5779494dea"),
    (
        b'{"created_date":"2019-03-06","event_id":"5675"}',
        "subscription_id=90343&name=basic",
        "e25130cf30063d526ec55ec65a49fab356d78eb4829d7acef146f7d9f4675bf7",
    ),
]


@pytest.mark.parametrize(("body", "query", "expected"), VECTORS)
def test_the_documented_vectors_pass_wh_01(body: bytes, query: str, expected: str) -> None:
    assert signature.verify(body, query, expected, [SECRET]) == 0
    assert signature.verify(body, query, expected.upper(), [SECRET]) == 0
    assert signature.verify(body, query, base64.b64encode(bytes.fromhex(expected)).decode(), [SECRET]) == 0


def test_zohos_own_string_to_sign() -> None:
    body, query, _ = VECTORS[3]
    assert signature.string_to_sign(body, query) == b"namebasicsubscription_id90343" + body
    assert (
        signature.string_to_sign(FORM, "tenant=acme&region=us")
        == b"customer_id903000000000099customer_nameBowman Furnitureregionustenantacmetotal50.00"
    )


@pytest.mark.parametrize(
    "header",
    [None, "", " ", "0" * 64, VECTORS[0][2][:-1], VECTORS[0][2] + "0", "é" * 64, "\x00", "x" * 10_000],
)
def test_a_missing_or_odd_header_never_matches_and_never_raises_wh_01(header: str | None) -> None:
    assert signature.verify(JSON, "", header, [SECRET]) is None


def test_a_flipped_bit_and_a_reserialised_body_do_not_match_wh_01() -> None:
    good = VECTORS[0][2]
    assert signature.verify(JSON.replace(b"card", b"cord"), "", good, [SECRET]) is None
    assert signature.verify(JSON.replace(b":", b": "), "", good, [SECRET]) is None


def test_every_secret_is_tried_and_the_one_that_matched_is_told_wh_04() -> None:
    good = VECTORS[0][2]
    assert signature.verify(JSON, "", good, ["another", SECRET]) == 1
    assert signature.verify(JSON, "", good, [SECRET, "another"]) == 0
    assert signature.verify(JSON, "", good, []) is None


def test_an_empty_secret_opens_nothing_wh_04() -> None:
    forged = hmac.new(b"", JSON, hashlib.sha256).hexdigest()
    assert signature.verify(JSON, "", forged, [""]) is None


def test_json_that_calls_itself_a_form_is_signed_as_json() -> None:
    """The body decides, not the header (facts 7.2)."""
    assert signature.is_json(b'  {"a":1}')
    assert not signature.is_json(b"a=1")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=300), st.text("a&=%+ é", max_size=40), st.text("0aF=é ", max_size=70))
def test_no_input_raises(body: bytes, query: str, header: str) -> None:
    assert signature.verify(body, query, header, [SECRET]) is None
