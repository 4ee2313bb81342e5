"""The sandbox's own signing code against the worked examples of facts 7.6."""

import pytest

from sandbox.webhooks.signing import is_acceptable, signature, string_to_sign

SECRET = "PortalDemoSecret01"
EVENT = b'{"event_id":"90300000005337","event_type":"card_expiring"}'
FORM = b"customer_id=903000000000099&customer_name=Bowman+Furniture&total=50.00"
HOOK = "http://receiver.test/hook"

VECTORS = [
    pytest.param(
        HOOK, EVENT, False,
        "468e499bbfd086975dc297564112aca511afc201b1dc495041bc0da5816d31a1",
        id="json",
    ),
    pytest.param(
        HOOK + "?tenant=acme&region=us", EVENT, False,
        "d22819b11bed1a380c9a0e1f375baf4385ea3560ebe87ebc01b609f7559a44f8",
        id="json-with-query",
    ),
    pytest.param(
        HOOK + "?tenant=acme&region=us", FORM, True,
        "c8261e09b1bc38932e61b637df940dab01fa479bf4c4fa56223b2a5779494dea",
        id="form-with-query",
    ),
    pytest.param(
        HOOK + "?subscription_id=90343&name=basic",
        b'{"created_date":"2019-03-06","event_id":"5675"}', False,
        "e25130cf30063d526ec55ec65a49fab356d78eb4829d7acef146f7d9f4675bf7",
        id="zoho-documented",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("url", "body", "form", "expected"), VECTORS)
def test_signature_equals_the_worked_example(url: str, body: bytes, form: bool, expected: str) -> None:
    assert signature(SECRET, string_to_sign(url, body, form=form)) == expected


def test_base64_carries_the_same_digest_as_hex() -> None:
    import base64

    signed = string_to_sign(HOOK, EVENT, form=False)
    as_hex = base64.b64decode(signature(SECRET, signed, "base64")).hex()
    assert as_hex == signature(SECRET, signed)


@pytest.mark.parametrize(
    ("secret", "taken"),
    [("a" * 11, False), ("a" * 12, True), ("a" * 50, True), ("a" * 51, False), ("abc-def-ghi-jkl", False)],
)
def test_secret_is_12_to_50_letters_and_digits(secret: str, taken: bool) -> None:
    assert is_acceptable(secret) is taken
