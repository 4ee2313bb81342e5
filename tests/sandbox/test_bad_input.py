"""Whatever is sent to Auth and to hosted pages, the answer is a refusal of theirs and never a 500."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.app import create_app
from sandbox.settings import Settings
from sandbox.supabase_auth import ROUTES
from sandbox.supabase_auth.demo import user_id

FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
HEADERS = {"apikey": "sb_secret_sandbox"}
NAMES = (
    "email", "password", "data", "type", "token", "token_hash", "refresh_token", "auth_code", "code_verifier",
    "code_challenge", "code_challenge_method", "create_user", "user_metadata", "app_metadata", "ban_duration",
    "new_email", "factor_type", "friendly_name", "nonce", "redirect_to", "id", "role",
)  # fmt: skip
WORDS = st.sampled_from(
    ["ada@example.com", "x@y.example", "signup", "recovery", "email_change_new", "totp", "s256"]
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12) | WORDS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
KINDS = ("newsubscription", "updatesubscription", "updatecard", "buyonetimeaddon", "addpaymentmethod",
         "invoicepayment", "updatepaymentmethod")  # fmt: skip


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    app = create_app(Settings(data=tmp_path_factory.mktemp("bad"), smtp_port=0, deliver="manual"))
    app.config["PROPAGATE_EXCEPTIONS"] = False
    yield app
    app.extensions["sandbox_world"].store.close()


@pytest.fixture(scope="module")
def held(app: Any) -> dict[str, str]:
    """Ids of the demo that make requests go deeper than the first check."""
    with app.extensions["sandbox_world"].store.read() as tx:
        sub = tx.find("subscriptions", where={"status": "live"})[0]
        return {
            "subscription_id": sub["subscription_id"],
            "customer_id": sub["customer_id"],
            "card_id": sub["method_id"],
            "invoice_id": tx.find("invoices", where={"open": 1})[0]["invoice_id"],
        }


@pytest.fixture(scope="module")
def ada(app: Any) -> str:
    body = {"email": "ada@example.com", "password": "correct horse battery staple"}
    answer = app.test_client().post("/auth/v1/token?grant_type=password", json=body, headers=HEADERS)
    return f"Bearer {answer.json['access_token']}"


@FEW
@given(
    st.sampled_from([route for route in ROUTES if route[1] != "/logout"]),  # ada stays signed in
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5),
    st.sampled_from(["password", "refresh_token", "pkce", "x"]),
)
def test_auth_never_breaks(app: Any, route: tuple[str, str, Any], body: dict[str, Any], grant: str) -> None:
    method, path, _ = route
    address = path.replace("<user_id>", user_id("bob@example.com")).replace("<factor_id>", "f")
    answer = app.test_client().open(
        f"/auth/v1{address}?grant_type={grant}",
        method=method,
        data=json.dumps(body),
        headers=HEADERS if path.startswith(("/admin", "/invite")) else HEADERS | {"Authorization": ada},
    )
    assert answer.status_code < 500, (method, path, body, answer.get_data(as_text=True))


@pytest.mark.parametrize(
    "raw", [b"{", b"\xff", b"[1]", b'"x"', b'{"email": "\\ud800@x.example"}', b"[" * 5000]
)
def test_what_is_no_json_object_is_refused(app: Any, raw: bytes) -> None:
    for path in ("/auth/v1/signup", "/auth/v1/token?grant_type=password"):
        assert 400 <= app.test_client().post(path, data=raw, headers=HEADERS).status_code < 500


@pytest.mark.parametrize("raw", [b"{", b"\xff", b'{"url": "\\ud800"}', b"[" * 5000])
def test_what_is_no_json_is_refused_by_the_control_calls(app: Any, raw: bytes) -> None:
    for path in ("webhooks", "faults", "clock", "act", "settings", "oauth/clients"):
        answer = app.test_client().post(f"/_control/{path}", data=raw)
        assert (answer.status_code, answer.json) == (400, {"error": "the body is not JSON"}), path


def token(app: Any) -> str:
    form = {
        "grant_type": "refresh_token",
        "client_id": "1000.SANDBOXCLIENT",
        "client_secret": "sandbox-client-secret",
        "refresh_token": "1000.sandbox.refresh",
    }
    return str(app.test_client().post("/oauth/v2/token", data=form).json["access_token"])


@pytest.fixture(scope="module")
def bearer(app: Any) -> dict[str, str]:
    return {"Authorization": f"Zoho-oauthtoken {token(app)}"}


ASKED = st.fixed_dictionaries(
    {},
    optional={
        "plan": VALUES
        | st.fixed_dictionaries(
            {"plan_code": st.sampled_from(["team-m", "scale-m", "no"])},
            optional={"quantity": VALUES, "price": VALUES},
        ),
        "addons": VALUES | st.just([{"addon_code": "seat-m", "quantity": 2}]),
        "coupon_code": VALUES,
        "customer": VALUES,
        "redirect_url": VALUES,
        "custom_fields": VALUES,
        "starts_at": VALUES,
        "auto_collect": VALUES,
    },
)


@FEW
@given(st.sampled_from(KINDS), ASKED, st.sampled_from(["good", "odd", "absent"]), VALUES)
def test_asking_for_a_hosted_page_never_breaks(
    app: Any,
    bearer: dict[str, str],
    held: dict[str, str],
    kind: str,
    asked: dict[str, Any],
    ids: str,
    odd: Any,
) -> None:
    body = asked | (
        {} if ids == "absent" else {name: odd if ids == "odd" else value for name, value in held.items()}
    )
    answer = app.test_client().post(f"/billing/v1/hostedpages/{kind}", data=json.dumps(body), headers=bearer)
    assert answer.status_code < 500, (kind, body, answer.get_data(as_text=True))
    if answer.status_code < 300:
        page = answer.json["hostedpage"]
        assert app.test_client().get(f"/hostedpage/{page['hostedpage_id']}/checkout").status_code == 200
        read = app.test_client().get(f"/billing/v1/hostedpages/{page['hostedpage_id']}", headers=bearer)
        assert read.status_code == 200


FORM = st.dictionaries(
    st.sampled_from(
        ["act", "method", "card_number", "card_name", "expiry", "cvv", "routing_number", "account_number"]
    ),
    st.text(max_size=20)
    | st.sampled_from(["pay", "card", "bank", "4111111111111111", "08/39", "99/00", "123", "110000000"]),
)  # fmt: skip


@FEW
@given(FORM)
def test_filling_in_a_hosted_page_never_breaks(
    app: Any, bearer: dict[str, str], held: dict[str, str], form: dict[str, str]
) -> None:
    asked = {"customer_id": held["customer_id"]}
    made = app.test_client().post("/billing/v1/hostedpages/addpaymentmethod", json=asked, headers=bearer)
    answer = app.test_client().post(
        f"/hostedpage/{made.json['hostedpage']['hostedpage_id']}/checkout", data=form
    )
    assert answer.status_code < 500, (form, answer.get_data(as_text=True))
