"""Connecting the organisation: by staff in the browser, or with a self-client code (facts 1.2, 1.3)."""

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest
import requests
from flask import Flask

from portal import clock
from portal.config import Settings
from portal.db.transaction import Pool
from portal.errors import Refused
from portal.sealing import Keyring
from portal.zoho import connect, errors
from portal.zoho.client import ZohoClient
from portal.zoho.connect import Choice, Connected, Connection
from tests.harness.people import sign_in, wear
from tests.harness.processes import Sandbox
from tests.visitor import Visitor
from tests.zoho.hostile import TOKEN, World

Row = psycopg.Connection[dict[str, Any]]
Build = Callable[..., Settings]
GRANT = {**TOKEN, "refresh_token": "1000.r", "scope": "ZohoSubscriptions.fullaccess.all"}
TWO = [
    {"organization_id": "1", "name": "One", "is_default_org": True},
    {"organization_id": "2", "name": "Two"},
]


@pytest.fixture
def staff(conn: Row) -> UUID:
    user_id = uuid4()
    conn.execute(
        "insert into users (id, issuer, email, is_staff) values (%s, 'tests', 'staff@example.com', true)",
        [user_id],
    )
    return user_id


@pytest.fixture
def connection_at(settings_at: Build, pool: Pool, keyring: Keyring) -> Callable[..., Connection]:
    def build(url: str, **changes: Any) -> Connection:
        return Connection(settings_at(url, **{"zoho_refresh_token": "", **changes}), pool, keyring)

    return build


def agree(address: str, answer: str = "accept", location: str = "us") -> dict[str, str]:
    """Press the button on the sandbox's consent page; return what the browser comes back with."""
    page = requests.get(address, timeout=10)
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    fields = {name: unescape(value) for name, value in fields.items()}
    sent = requests.post(
        address.partition("?")[0],
        data={**fields, "answer": answer, "location": location},
        timeout=10,
        allow_redirects=False,
    )
    return dict(parse_qsl(urlsplit(sent.headers["Location"]).query))


def in_minutes(minutes: int) -> Callable[[], datetime]:
    moment = clock.now() + timedelta(minutes=minutes)
    return lambda: moment


def back(state: str, **more: str) -> dict[str, str]:
    return {"state": state, "code": "1000.code", **more}


def state_in(address: str) -> str:
    return parse_qs(urlsplit(address).query)["state"][0]


def test_staff_connect_through_the_sandboxs_consent_page(
    connection_at: Callable[..., Connection],
    client_at: Callable[..., ZohoClient],
    sandbox: Sandbox,
    staff: UUID,
    conn: Row,
) -> None:
    connection = connection_at(sandbox.url)
    consent = connection.check_return(staff, agree(connection.begin(staff)))
    connected = connection.finish(staff, consent)
    assert isinstance(connected, Connected)
    assert connected.organization.zoho_id == "10000001"
    assert "ZohoSubscriptions.subscriptions.CREATE" in connected.scopes
    [row] = conn.execute("select connected_by, location, refresh_token from oauth_tokens").fetchall()
    assert (row["connected_by"], row["location"]) == (staff, "us")
    assert b"1000." not in row["refresh_token"]
    zoho = client_at(sandbox.url, zoho_refresh_token="")
    assert zoho.list_customers().items
    with clock.replaced_by(in_minutes(120)):
        assert zoho.tokens.access().expires_at > clock.now()


def test_the_scopes_asked_for_cover_what_the_client_does(
    connection_at: Callable[..., Connection],
    client_at: Callable[..., ZohoClient],
    sandbox: Sandbox,
    staff: UUID,
) -> None:
    connection = connection_at(sandbox.url)
    connection.finish(staff, connection.check_return(staff, agree(connection.begin(staff))))
    zoho = client_at(sandbox.url, zoho_refresh_token="")
    lists = ("customers", "subscriptions", "invoices", "payments", "credit_notes", "products", "plans")
    for name in (*lists, "addons", "coupons", "events"):
        getattr(zoho, f"list_{name}")()
    customer = zoho.create_customer({"display_name": "A", "email": "a@example.com"}).zoho_id
    zoho.update_customer(customer, {"display_name": "B"})
    body = {"customer_id": customer, "plan": {"plan_code": "team-m"}, "auto_collect": False}
    subscription = zoho.create_subscription(body)
    zoho.change_plan(subscription.zoho_id, {"plan": {"plan_code": "team-m", "quantity": 2}})
    zoho.cancel(subscription.zoho_id, at_end=False)
    zoho.create_hosted_page("add_payment_method", {"customer_id": customer})


def test_the_address_asks_offline_with_consent_state_and_pkce(
    connection_at: Callable[..., Connection], enemy: World, staff: UUID
) -> None:
    address = connection_at(enemy.url).begin(staff)
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert (query["access_type"], query["prompt"], query["response_type"]) == ("offline", "consent", "code")
    assert query["redirect_uri"] == "http://127.0.0.1:8000/admin/zoho-connection/return"
    assert query["code_challenge_method"] == "S256"
    assert len(query["state"]) >= 43
    assert "ZohoSubscriptions.subscriptions.CREATE," in query["scope"]
    assert enemy.asked == []


def test_the_verifier_sent_belongs_to_the_challenge(
    connection_at: Callable[..., Connection], enemy: World, staff: UUID
) -> None:
    with_organizations(enemy, [{"organization_id": "10000001", "name": "N"}])
    connection = connection_at(enemy.url)
    address = connection.begin(staff)
    connection.finish(staff, connection.check_return(staff, back(state_in(address))))
    sent = parse_qs(next(body for _, path, _, body in enemy.asked if "token" in path).decode())
    digest = hashlib.sha256(sent["code_verifier"][0].encode()).digest()
    challenge = parse_qs(urlsplit(address).query)["code_challenge"][0]
    assert urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge
    assert sent["redirect_uri"] == ["http://127.0.0.1:8000/admin/zoho-connection/return"]


def test_an_answer_that_nobody_asked_for_is_refused(
    connection_at: Callable[..., Connection], enemy: World, staff: UUID
) -> None:
    connection = connection_at(enemy.url)
    state = state_in(connection.begin(staff))
    for user, query in (
        (staff, back("made-up")),
        (staff, {"code": "x"}),
        (uuid4(), back(state)),
    ):
        with pytest.raises(Refused, match="Start again"):
            connection.check_return(user, query)
    consent = connection.check_return(staff, back(state))
    with pytest.raises(Refused):
        connection.finish(uuid4(), consent)
    with clock.replaced_by(in_minutes(16)):
        with pytest.raises(Refused):
            connection.check_return(staff, back(state))
        with pytest.raises(Refused):
            connection.finish(staff, consent)
    assert enemy.asked == []


def test_each_authorisation_is_good_for_one_exchange(
    connection_at: Callable[..., Connection], sandbox: Sandbox, staff: UUID
) -> None:
    connection = connection_at(sandbox.url)
    consent = connection.check_return(staff, agree(connection.begin(staff)))
    connection.finish(staff, consent)
    with pytest.raises(Refused, match="used already"):
        connection.finish(staff, consent)


def test_a_refused_consent_says_so(
    connection_at: Callable[..., Connection], sandbox: Sandbox, staff: UUID
) -> None:
    connection = connection_at(sandbox.url)
    with pytest.raises(Refused, match="consent was not given"):
        connection.check_return(staff, agree(connection.begin(staff), answer="reject"))


@pytest.mark.parametrize(
    ("accounts_server", "hint"),
    [
        ("https://accounts.zoho.eu", "ZOHO_DC=eu"),
        ("https://accounts.zohocloud.ca/", "ZOHO_DC=ca"),
        ("https://accounts.zoho.com.evil.example", "not on the list"),
        ("http://169.254.169.254", "not on the list"),
    ],
)
def test_tokens_are_asked_for_at_the_configured_server_only(
    connection_at: Callable[..., Connection], enemy: World, staff: UUID, accounts_server: str, hint: str
) -> None:
    """A wrong data centre is named with what to set; a foreign server is never spoken to (RED-06)."""
    connection = connection_at(enemy.url)
    state = state_in(connection.begin(staff))
    query = back(state, **{"accounts-server": accounts_server, "location": "eu"})
    with pytest.raises(Refused, match=hint):
        connection.check_return(staff, query)
    assert enemy.asked == []


def with_organizations(enemy: World, rows: list[dict[str, Any]]) -> None:
    enemy.behaviours["/oauth/v2/token"] = lambda request: request.say(200, GRANT)
    found = {"code": 0, "organizations": rows}
    enemy.behaviours["/billing/v1/organizations"] = lambda request: request.say(200, found)


def test_of_several_organisations_one_is_chosen(
    connection_at: Callable[..., Connection], enemy: World, staff: UUID, conn: Row
) -> None:
    with_organizations(enemy, TWO)
    connection = connection_at(enemy.url, zoho_organization_id="")
    consent = connection.check_return(staff, back(state_in(connection.begin(staff))))
    choice = connection.finish(staff, consent)
    assert isinstance(choice, Choice)
    assert connection.pending(staff) is not None
    assert connection.pending(uuid4()) is None
    with pytest.raises(Refused, match="does not belong"):
        connection.choose(staff, "3")
    assert connection.choose(staff, "2").organization.name == "Two"
    assert conn.execute("select organization_id from oauth_tokens").fetchall() == [{"organization_id": "2"}]
    assert connection.pending(staff) is None
    with pytest.raises(Refused, match="nothing to choose"):
        connection.choose(staff, "2")


def test_the_organisation_of_the_settings_is_not_silently_exchanged(
    connection_at: Callable[..., Connection], enemy: World, conn: Row
) -> None:
    with_organizations(enemy, TWO)
    with pytest.raises(Refused, match="ZOHO_ORGANIZATION_ID"):
        connection_at(enemy.url).with_code("1000.code")
    assert conn.execute("select * from oauth_tokens").fetchall() == []


def test_without_offline_access_nothing_is_stored(
    connection_at: Callable[..., Connection], enemy: World, conn: Row
) -> None:
    with pytest.raises(Refused, match="no refresh token"):
        connection_at(enemy.url).with_code("1000.code")
    assert conn.execute("select * from oauth_tokens").fetchall() == []


def test_a_self_client_code_connects_from_the_command_line(
    settings_at: Build, pool: Pool, keyring: Keyring, enemy: World
) -> None:
    with_organizations(enemy, TWO)
    settings = settings_at(enemy.url, zoho_organization_id="2", zoho_refresh_token="")
    said = connect.with_self_client_code(settings, pool, keyring, "1000.code")
    assert said == "Connected to Two (2), scopes: ZohoSubscriptions.fullaccess.all"
    sent = parse_qs(next(body for _, path, _, body in enemy.asked if "token" in path).decode())
    assert "redirect_uri" not in sent
    assert "code_verifier" not in sent
    unset = settings_at(enemy.url, zoho_organization_id="", zoho_refresh_token="")
    with pytest.raises(Refused, match="1 One; 2 Two"):
        connect.with_self_client_code(unset, pool, keyring, "1000.code")


def test_a_new_connection_voids_what_was_remembered_about_the_old(
    connection_at: Callable[..., Connection], client_at: Callable[..., ZohoClient], enemy: World, conn: Row
) -> None:
    enemy.behaviours["/oauth/v2/token"] = lambda request: request.say(200, {"error": "invalid_code"})
    zoho = client_at(enemy.url)
    with pytest.raises(errors.Unauthorized):
        zoho.tokens.access()
    with_organizations(enemy, [{"organization_id": "10000001", "name": "N"}])
    connection_at(enemy.url).with_code("1000.code")
    assert zoho.tokens.access().token == TOKEN["access_token"]
    [row] = conn.execute("select failure, retry_after from oauth_tokens").fetchall()
    assert row == {"failure": "", "retry_after": None}


def test_staff_walk_through_the_pages(
    make_app: Callable[..., Flask], sandbox: Sandbox, database_url: str, conn: Row
) -> None:
    """By hand, without JavaScript: connect, agree at Zoho, come back, finish."""
    app = make_app(zoho_refresh_token="")
    visitor = Visitor(app)
    wear(visitor, sign_in(app, "staff@example.com", is_staff=True))
    page = visitor.get("/admin/zoho-connection")
    assert page.shows("No Zoho organisation is connected")
    page = visitor.submit(action="/admin/zoho-connection/authorization")
    address = page.link("Continue to")
    assert urlsplit(address).netloc == urlsplit(sandbox.url).netloc
    query = "&".join(f"{name}={requests.utils.quote(value)}" for name, value in agree(address).items())
    page = visitor.get(f"/admin/zoho-connection/return?{query}")
    assert conn.execute("select * from oauth_tokens").fetchall() == []
    page = visitor.submit(action="/admin/zoho-connection/consent")
    assert page.url == "/admin/zoho-connection"
    assert page.shows("10000001")
    assert page.shows("subscriptions create, read, update, delete")
    [trail] = conn.execute("select object_id from activity where action = 'zoho:connected'").fetchall()
    assert trail["object_id"] == "10000001"
    page = visitor.get("/admin/zoho-connection/return?state=forged&code=1", status=422)
    assert page.shows("belongs to no authorisation")
    assert visitor.get("/admin/zoho-connection/organizations").url == "/admin/zoho-connection"


def test_staff_choose_among_organisations_on_a_page(
    make_app: Callable[..., Flask], enemy: World, database_url: str
) -> None:
    with_organizations(enemy, TWO)
    app = make_app(
        zoho_refresh_token="", zoho_organization_id="", zoho_accounts_url=enemy.url, zoho_api_url=enemy.url
    )
    visitor = Visitor(app)
    wear(visitor, sign_in(app, "staff@example.com", is_staff=True))
    visitor.get("/admin/zoho-connection")
    page = visitor.submit(action="/admin/zoho-connection/authorization")
    state = state_in(page.link("Continue to"))
    visitor.get(f"/admin/zoho-connection/return?state={state}&code=1000.c")
    page = visitor.submit(action="/admin/zoho-connection/consent")
    assert page.heading == "Choose the organisation"
    page = visitor.submit(action="/admin/zoho-connection/organization", button="Use Two")
    assert page.shows("Two")


def test_a_refusal_of_zoho_is_told_to_staff_with_what_to_do(
    make_app: Callable[..., Flask], enemy: World, database_url: str
) -> None:
    enemy.behaviours["/oauth/v2/token"] = lambda request: request.say(200, {"error": "invalid_client_secret"})
    app = make_app(zoho_refresh_token="", zoho_accounts_url=enemy.url, zoho_api_url=enemy.url)
    visitor = Visitor(app)
    wear(visitor, sign_in(app, "staff@example.com", is_staff=True))
    visitor.get("/admin/zoho-connection")
    page = visitor.submit(action="/admin/zoho-connection/authorization")
    state = state_in(page.link("Continue to"))
    visitor.get(f"/admin/zoho-connection/return?state={state}&code=1000.c")
    page = visitor.submit(action="/admin/zoho-connection/consent", status=503)
    assert page.shows("check ZOHO_CLIENT_SECRET")
