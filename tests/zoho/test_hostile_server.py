"""A server that answers badly: no second request, no lost thread, no wrong meaning (RED-06, API-06)."""

import time
from collections.abc import Callable

import pytest

from portal.errors import Misconfigured
from portal.zoho import errors
from portal.zoho.client import ZohoClient
from portal.zoho.transport import Answer, Limits, Lost, Sending, Transport
from tests.zoho.hostile import Request, World

Build = Callable[..., ZohoClient]
METADATA = "http://169.254.169.254/latest/meta-data/"


@pytest.fixture
def at_enemy(client_at: Build, enemy: World) -> ZohoClient:
    return client_at(enemy.url)


def test_a_redirect_is_never_followed_red_06(at_enemy: ZohoClient, enemy: World) -> None:
    enemy.behaviours["/billing/v1/customers"] = lambda request: request.say(302, Location=METADATA)
    with pytest.raises(errors.BadAnswer):
        at_enemy.lane("webhook").fetch_customer("1")
    with pytest.raises(errors.OutcomeUnknown):
        at_enemy.create_customer({"display_name": "A"})
    assert {path.partition("?")[0] for _, path, _, _ in enemy.asked} <= {
        "/oauth/v2/token",
        "/billing/v1/customers/1",
        "/billing/v1/customers",
    }


def test_the_token_endpoint_may_not_redirect_either_red_06(at_enemy: ZohoClient, enemy: World) -> None:
    enemy.behaviours["/oauth/v2/token"] = lambda request: request.say(302, Location=f"{enemy.url}/elsewhere")
    with pytest.raises(errors.Unreachable):
        at_enemy.fetch_customer("1")
    assert enemy.count("/elsewhere") == 0
    assert enemy.count("/billing") == 0


def test_another_host_is_not_spoken_to_red_06(enemy: World) -> None:
    transport = Transport(["https://www.zohoapis.com"])
    for address in (
        enemy.url,
        METADATA,
        "https://www.zohoapis.com.evil.example/x",
        "http://www.zohoapis.com/x",
    ):
        with pytest.raises(Misconfigured):
            transport.exchange(Sending("GET", address))
    assert enemy.asked == []


def test_a_read_is_tried_four_times_at_most_and_a_write_once_api_06(
    at_enemy: ZohoClient, enemy: World
) -> None:
    enemy.behaviours["/billing/v1/customers"] = lambda request: request.say(502, b"<html>Bad Gateway</html>")
    began = time.monotonic()
    with pytest.raises(errors.Unreachable):
        at_enemy.fetch_customer("1")
    assert time.monotonic() - began < 5
    assert enemy.count("/billing/v1/customers/1") in (2, 3, 4)
    with pytest.raises(errors.OutcomeUnknown):
        at_enemy.create_customer({"display_name": "A"})
    assert sum(1 for method, *_ in enemy.asked if method == "POST" and "/oauth" not in _[0]) == 1


def test_a_person_waits_three_seconds_at_most_api_06(
    at_enemy: ZohoClient, enemy: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that is waited for, by the limits that each exchange is given: no busy machine can add to that."""
    given: list[float] = []
    exchange = Transport.exchange

    def watched(transport: Transport, sending: Sending, limits: Limits) -> Answer:
        given.append(limits.whole)
        return exchange(transport, sending, limits)

    enemy.behaviours["/billing/v1/customers"] = lambda request: time.sleep(6) or request.hang_up()  # type: ignore[func-returns-value]
    at_enemy.tokens.access()
    monkeypatch.setattr(Transport, "exchange", watched)
    with pytest.raises(errors.Timeout):
        at_enemy.fetch_customer("1")
    assert 2 < sum(given) <= 3


def test_a_write_whose_connection_breaks_is_unknown_and_sent_once_conv_04(
    at_enemy: ZohoClient, enemy: World
) -> None:
    enemy.behaviours["/billing/v1/subscriptions"] = lambda request: request.hang_up()
    with pytest.raises(errors.OutcomeUnknown):
        at_enemy.create_subscription({"reference_id": "k"})
    assert enemy.count("/billing/v1/subscriptions") == 1


def test_a_write_that_says_yes_without_the_object_is_unknown(at_enemy: ZohoClient, enemy: World) -> None:
    enemy.behaviours["/billing/v1/subscriptions"] = lambda request: request.say(201, {"code": 0})
    with pytest.raises(errors.OutcomeUnknown):
        at_enemy.create_subscription({"reference_id": "k"})


def test_no_connection_at_all_leaves_a_write_without_effect(client_at: Build, enemy: World) -> None:
    far = client_at(enemy.url, zoho_api_url="http://127.0.0.1:9")
    with pytest.raises(errors.Unreachable) as problem:
        far.create_subscription({"reference_id": "k"})
    assert not problem.value.sent


def test_a_list_without_its_key_is_not_an_empty_list(at_enemy: ZohoClient, enemy: World) -> None:
    """An empty list would look like "all deleted" to the reconciliation."""
    enemy.behaviours["/billing/v1/customers"] = lambda request: request.say(200, {"code": 0})
    with pytest.raises(errors.BadAnswer):
        at_enemy.list_customers()


def test_an_answer_of_more_than_ten_megabytes_is_cut_off_red_06(enemy: World) -> None:
    enemy.behaviours["/big"] = lambda request: request.say(200, b"x" * (10 * 1024 * 1024 + 1))
    with pytest.raises(Lost, match="too large"):
        Transport([enemy.url]).exchange(Sending("GET", f"{enemy.url}/big"))


def test_a_trickle_ends_at_the_deadline_red_06(enemy: World) -> None:
    enemy.behaviours["/slow"] = lambda request: request.trickle(5)
    began = time.monotonic()
    with pytest.raises(Lost) as lost:
        Transport([enemy.url]).exchange(Sending("GET", f"{enemy.url}/slow"), Limits(1, 1, 0.5))
    assert lost.value.slow
    assert time.monotonic() - began < 3


def test_a_body_that_breaks_off_is_lost_even_when_it_reads_as_json(enemy: World) -> None:
    enemy.behaviours["/cut"] = lambda request: request.truncate(b'{"code":0}', promised=500)
    with pytest.raises(Lost):
        Transport([enemy.url]).exchange(Sending("GET", f"{enemy.url}/cut"))


def test_no_cookie_is_kept_and_no_netrc_is_read(
    enemy: World, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETRC", f"{tmp_path}/netrc")
    with open(f"{tmp_path}/netrc", "w") as netrc:  # noqa: PTH123 - tmp_path is typed loosely here
        netrc.write("machine 127.0.0.1 login thief password thief\n")
    enemy.behaviours["/c"] = lambda request: request.say(200, {}, Set_Cookie="id=1")
    transport = Transport([enemy.url])
    for _ in range(2):
        transport.exchange(Sending("GET", f"{enemy.url}/c", headers={"Authorization": "Zoho-oauthtoken t"}))
    for _, _, headers, _ in enemy.asked:
        assert headers["Authorization"] == "Zoho-oauthtoken t"
        assert "Cookie" not in headers


def test_what_is_not_a_pdf_is_not_passed_on_fil_01(at_enemy: ZohoClient, enemy: World) -> None:
    answers = {
        "/billing/v1/invoices/1": lambda request: request.say(200, b"<html>"),
        "/billing/v1/invoices/2": lambda request: request.say(404, {"code": 1002, "message": "no"}),
        "/billing/v1/invoices/3": lambda request: request.say(200, b""),
    }
    enemy.behaviours.update(answers)
    for invoice_id, expected in (("1", errors.BadAnswer), ("2", errors.NotFound), ("3", errors.BadAnswer)):
        with pytest.raises(expected):
            at_enemy.stream_invoice_pdf(invoice_id)


def test_a_pdf_that_breaks_off_halfway_says_so(at_enemy: ZohoClient, enemy: World) -> None:
    enemy.behaviours["/billing/v1/invoices/1"] = lambda request: request.truncate(
        b"%PDF-1.4 ...", promised=9999
    )
    stream = at_enemy.stream_invoice_pdf("1")
    with pytest.raises(errors.Unreachable):
        list(stream)


def test_ids_are_escaped_in_addresses(at_enemy: ZohoClient, enemy: World) -> None:
    """Codes may hold spaces and slashes (facts 10, gotcha 7)."""
    enemy.behaviours["/billing/v1/plans"] = lambda request: request.say(
        200, {"plan": {"plan_code": "x"}, "code": 0}
    )
    at_enemy.fetch_plan("pro / m?x=1#")
    assert any(path == "/billing/v1/plans/pro%20%2F%20m%3Fx%3D1%23" for _, path, _, _ in enemy.asked)


def test_an_empty_id_is_never_sent(at_enemy: ZohoClient, enemy: World) -> None:
    with pytest.raises(ValueError, match="needs its ids"):
        at_enemy.delete_card("7", "")
    assert enemy.asked == []


def test_a_write_has_a_connection_of_its_own_conv_04(client_at: Build, enemy: World) -> None:
    """On a kept one that Zoho has just closed nobody could tell whether the write was read."""
    ports: list[int] = []

    def note(request: Request) -> None:
        ports.append(request.client_address[1])
        request.say(200, {"code": 0, "organizations": []})

    enemy.behaviours["/billing"] = note
    zoho = client_at(enemy.url)
    for _ in range(2):
        zoho.fetch_organizations()
    for _ in range(2):
        zoho.delete_card("1", "2")
    first, second, *writes = ports
    assert first == second
    assert len({first, *writes}) == 3
