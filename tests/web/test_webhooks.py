"""The webhook receiver, requirement by requirement (WH-01 to WH-15)."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from portal import clock
from portal.jobs import metrics
from portal.sync.inbox import Delivery
from portal.sync.subjects import Subject
from portal.web.hushed import Hushed
from portal.webhooks import refusals
from portal.webhooks.keeping import Keeper
from tests import page_rules
from tests.harness.logs import listen
from tests.harness.processes import until

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.test import TestResponse

SECRET = "SandboxWebhookSecret01"
PATH = "/webhooks/zoho"
HEADER = "X-Zoho-Webhook-Signature"


def signed(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def event(event_id: str = "1001", subscription_id: str = "5001", **more: Any) -> bytes:
    envelope = {
        "event_id": event_id,
        "event_type": "subscription_renewed",
        "created_time": clock.now().isoformat(),
        "data": {"subscription": {"subscription_id": subscription_id, "customer_id": "7001"}},
    }
    return json.dumps({**envelope, **more}).encode()


Post = Callable[..., "TestResponse"]


@pytest.fixture
def post(app: Flask) -> Post:
    def send(body: bytes, *, signature: str | None = "", path: str = PATH, **options: Any) -> TestResponse:
        headers = {} if signature is None else {HEADER: signature or signed(body)}
        options = {"content_type": "application/json", **options}
        return app.test_client().post(path, data=body, headers=headers, **options)

    return send


def rows(conn: psycopg.Connection[dict[str, Any]]) -> list[dict[str, Any]]:
    return conn.execute("select * from billing.inbox order by received_at").fetchall()


def jobs(conn: psycopg.Connection[dict[str, Any]]) -> list[dict[str, Any]]:
    return conn.execute("select * from jobs.procrastinate_jobs where task_name = 'apply_events'").fetchall()


def test_wh_05_row_and_job_are_there_when_it_says_yes(post: Post, conn: Any) -> None:
    assert post(event()).status_code == 200

    (row,) = rows(conn)
    assert (row["object_kind"], row["object_zoho_id"], row["state"]) == ("subscription", "5001", "pending")
    (job,) = jobs(conn)
    assert job["lock"] == job["queueing_lock"] == "zoho:subscription:5001"


@pytest.mark.parametrize(
    "signature",
    [None, "0" * 64, "", "é" * 64, signed(b"another body"), f"{signed(b'x')},{signed(b'y')}", "t=1,v=2"],
)
def test_wh_01_wrong_signatures_are_refused_and_leave_nothing(
    app: Flask, conn: Any, signature: str | None
) -> None:
    headers = {} if signature is None else {HEADER: signature.encode("utf-8").decode("latin-1")}
    answer = app.test_client().post(PATH, data=event(), headers=headers, content_type="application/json")

    assert answer.status_code == 401
    assert rows(conn) == [] == jobs(conn)


def test_wh_01_reserialised_and_flipped_bodies_are_refused(post: Post, conn: Any) -> None:
    body = event()
    respelled = json.dumps(json.loads(body), indent=1).encode()
    flipped = body.replace(b"5001", b"5003")

    assert post(respelled, signature=signed(body)).status_code == 401
    assert post(flipped, signature=signed(body)).status_code == 401
    assert rows(conn) == []


def test_wh_01_signature_in_capitals_or_base64_is_accepted(post: Post) -> None:
    body = event()
    assert post(body, signature=signed(body).upper()).status_code == 200


def test_wh_01_two_signature_headers_are_refused(app: Flask) -> None:
    body = event()
    headers = [(HEADER, signed(body)), (HEADER, signed(body))]
    answer = app.test_client().post(PATH, data=body, headers=headers, content_type="application/json")
    assert answer.status_code == 401


def test_wh_02_query_strings_are_refused_even_when_signed(post: Post, conn: Any) -> None:
    body = event()
    forged = hmac.new(SECRET.encode(), b"org1" + body, hashlib.sha256).hexdigest()

    assert post(body, signature=forged, path=f"{PATH}?org=1").status_code == 400
    assert post(body, signature=forged, path=f"{PATH}?or=g1").status_code == 400
    assert rows(conn) == []


def test_wh_03_too_long_a_body_is_refused_unread(post: Post) -> None:
    assert post(b"{" + b" " * (256 * 1024) + b"}").status_code == 413


def test_wh_03_a_body_of_unknown_length_is_refused(app: Flask) -> None:
    answer = app.test_client().post(PATH, headers={HEADER: "x", "Transfer-Encoding": "chunked"})
    assert answer.status_code in (401, 411)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' + b'{"a":' * 40 + b"1" + b"}" * 41,
        b"[" * 2000 + b"]" * 2000,
        b'{"event_id":"1","event_id":"2"}',
        b'{"amount":NaN}',
        b'{"amount":Infinity}',
        b"[1,2]",
        b'{"a":"\xff"}',
        b'{"open":',
    ],
)
def test_wh_03_signed_nonsense_is_refused(post: Post, conn: Any, body: bytes) -> None:
    assert post(body).status_code == 400
    assert rows(conn) == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_wh_03_other_methods_are_refused(app: Flask, method: str) -> None:
    assert app.test_client().open(PATH, method=method).status_code in (404, 405)


def test_wh_03_forms_and_mislabelled_json_are_read_by_content(post: Post, conn: Any) -> None:
    form = b"customer_id=7001&invoice_id=9001&total=50.00"
    signature = hmac.new(
        SECRET.encode(), b"customer_id7001invoice_id9001total50.00", hashlib.sha256
    ).hexdigest()
    label = "application/x-www-form-urlencoded"

    assert post(form, signature=signature, content_type=label).status_code == 200
    assert post(event("77"), content_type=label).status_code == 200
    assert [row["object_kind"] for row in rows(conn)] == ["invoice", "subscription"]


def test_wh_04_the_previous_secret_still_counts_and_is_noted(
    make_app: Callable[..., Flask], app: Flask, conn: Any
) -> None:
    rotated = make_app(zoho_webhook_secrets=f"NewSecretNewSecretNewSecretNewSecret,{SECRET}")
    body = event()
    answer = rotated.test_client().post(
        PATH, data=body, headers={HEADER: signed(body)}, content_type="application/json"
    )
    rotated.extensions["services"].close()

    assert answer.status_code == 200
    (row,) = rows(conn)
    assert row["secret_used"] == 1
    assert "previous_secret" in row["flags"]


def test_wh_04_without_a_secret_it_is_closed(make_app: Callable[..., Flask], app: Flask, conn: Any) -> None:
    closed = make_app(zoho_webhook_secrets="")
    answer = closed.test_client().post(PATH, data=event(), headers={HEADER: signed(event(), "")})
    closed.extensions["services"].close()

    assert answer.status_code == 503
    assert rows(conn) == []


def test_wh_07_duplicates_are_acknowledged_once_kept_and_start_no_second_job(post: Post, conn: Any) -> None:
    body = event()
    assert [post(body).status_code for _ in range(3)] == [200, 200, 200]
    assert len(rows(conn)) == len(jobs(conn)) == 1


def test_wh_07_twenty_parallel_first_deliveries_make_one_row(post: Post, conn: Any) -> None:
    body = event()
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(post(body).status_code)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert codes == [200] * 20
    assert len(rows(conn)) == len(jobs(conn)) == 1


@pytest.fixture
def held(app: Flask, conn: Any) -> Callable[[list[Delivery]], list[bool | str]]:
    """Let deliveries queue behind one that cannot commit yet; return what became of them, in order."""
    keeper, pool = Keeper(), app.extensions["services"].pool

    def outcome(found: Delivery) -> bool | str:
        try:
            return keeper.keep(pool, found)
        except psycopg.Error as problem:
            return type(problem).__name__

    def send(waiting: list[Delivery]) -> list[bool | str]:
        with ThreadPoolExecutor(len(waiting) + 1) as threads, psycopg.connect(conn.info.dsn) as other:
            other.execute("insert into billing.inbox (dedupe_key, kind) values ('held', 'webhook')")
            first = threads.submit(outcome, Delivery("held"))
            until(lambda: conn.execute("select 1 from pg_locks where not granted").fetchone())
            others = [threads.submit(outcome, found) for found in waiting]
            until(lambda: len(keeper.waiting) == len(waiting))
            other.rollback()
            assert first.result() is True
            return [one.result() for one in others]

    return send


def test_wh_05_deliveries_of_one_moment_share_a_commit(held: Any, conn: Any) -> None:
    """A burst costs one commit a turn, not one a delivery (WH-06)."""
    subject = Subject("subscription", "5001")
    waiting = [Delivery(f"k{number}", subjects=[subject]) for number in range(6)]

    assert held([*waiting, Delivery("k0", subjects=[subject])]).count(True) == 6

    commits = conn.execute("select count(distinct xmin::text) n from billing.inbox").fetchone()
    assert (len(rows(conn)), commits["n"], len(jobs(conn))) == (7, 2, 1)


def test_wh_05_one_that_cannot_be_kept_takes_no_other_along(held: Any, conn: Any) -> None:
    outcomes = held([Delivery("good"), Delivery("no such kind", kind="moon"), Delivery("fine")])

    assert outcomes == [True, "CheckViolation", True]
    assert {row["dedupe_key"] for row in rows(conn)} == {"held", "good", "fine"}


def test_csp_04_what_zoho_is_answered_carries_the_headers_of_every_answer(post: Post) -> None:
    """The shortcut in front of the framework sets them itself, whatever it answers."""
    for answer in (
        post(event()),
        post(event(), signature="f" * 64),
        post(b"{"),
        post(b"", path=f"{PATH}?a=b"),
    ):
        assert list(page_rules.header_faults(answer)) == []
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Request-Id"]
        assert "Set-Cookie" not in answer.headers


def test_wh_06_a_plain_delivery_is_answered_before_the_framework(
    post: Post, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "full_dispatch_request", lambda *_: pytest.fail("the framework was asked"))
    assert post(event()).status_code == 200
    assert post(event(), signature="f" * 64).status_code == 401


def test_wh_15_a_delivery_for_another_host_is_refused(post: Post, conn: Any) -> None:
    assert post(event(), base_url="http://evil.example").status_code == 400
    assert rows(conn) == []


def test_wh_15_the_sender_is_whom_the_believed_proxy_names(make_app: Callable[..., Flask], conn: Any) -> None:
    behind = make_app(trusted_proxies=1)
    body = event()
    headers = {HEADER: signed(body), "X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
    answer = behind.test_client().post(PATH, data=body, headers=headers, content_type="application/json")

    assert answer.status_code == 200
    assert rows(conn)[0]["sender"] == "203.0.113.7"


def test_wh_06_a_fault_of_ours_is_an_error_and_no_yes(
    post: Post, app: Flask, conn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(app.extensions["services"].pool, "connection", broken)
    answer = post(event())

    assert answer.status_code == 500
    assert list(page_rules.header_faults(answer)) == []
    assert rows(conn) == []


def test_wh_06_a_delivery_is_one_statement(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Identity, row, job and commit in one round trip; the connection is looked at, not asked."""
    post(event("1"))  # opens the connection
    sent: list[str] = []
    plain = psycopg.Cursor.execute
    monkeypatch.setattr(
        psycopg.Cursor,
        "execute",
        lambda cur, query, *a, **o: (sent.append(query), plain(cur, query, *a, **o))[1],
    )

    assert post(event("2")).status_code == 200
    assert len(sent) == 1, sent


def test_wh_07_workflow_webhooks_without_an_id_are_told_apart_by_their_bytes(post: Post, conn: Any) -> None:
    body = json.dumps({"payment": {"payment_id": "8001", "customer_id": "7001"}}).encode()
    other = json.dumps({"payment": {"payment_id": "8002", "customer_id": "7001"}}).encode()
    for delivery in (body, body, other):
        assert post(delivery).status_code == 200
    assert [row["object_zoho_id"] for row in rows(conn)] == ["8001", "8002"]


@pytest.mark.parametrize(("created", "flag"), [("2020-01-01", "late"), ("2120-01-01", "early")])
def test_wh_08_old_events_and_those_of_tomorrow_are_kept_but_done_last(
    post: Post, conn: Any, created: str, flag: str
) -> None:
    post(event("1"))
    post(event("2", "5002", created_time=f"{created}T00:00:00-0500"))

    fresh, old = rows(conn)
    assert (fresh["flags"], old["flags"]) == ([], [flag])
    priorities = {job["lock"]: job["priority"] for job in jobs(conn)}
    assert priorities["zoho:subscription:5002"] < priorities["zoho:subscription:5001"]


def test_wh_08_many_events_of_one_object_wait_as_one_job(post: Post, conn: Any) -> None:
    for number in range(10):
        assert post(event(str(number))).status_code == 200
    assert len(rows(conn)) == 10
    assert len(jobs(conn)) == 1


def test_wh_10_unknown_types_and_fields_are_kept(post: Post, conn: Any) -> None:
    assert post(event("1", event_type="moon_rose", surprise={"a": [1]})).status_code == 200
    assert post(b'{"event_id":"2","event_type":"weather_changed","data":{"sky":"blue"}}').status_code == 200

    known, unknown = rows(conn)
    assert (known["state"], known["flags"]) == ("pending", ["unknown_type"])
    assert (unknown["state"], unknown["body"][:1]) == ("ignored", b"{")
    assert len(jobs(conn)) == 1


def test_wh_12_trouble_with_the_database_is_never_a_yes(
    post: Post, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = app.extensions["services"]

    def exhausted(*_: Any, **__: Any) -> None:
        raise PoolTimeout("no connection")

    monkeypatch.setattr(services.pool, "connection", exhausted)
    answer = post(event())

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_wh_15_no_cookie_is_set_and_none_is_needed(post: Post) -> None:
    answer = post(event())
    assert "Set-Cookie" not in answer.headers


def test_pci_01_card_numbers_are_masked_before_they_are_kept(post: Post, conn: Any) -> None:
    note = "my card is 4111 1111 1111 1111, thanks"
    body = json.dumps(
        {
            "event_id": "5",
            "event_type": "5555555555554444",
            "data": {
                "payment": {"payment_id": "4111111111111111", "description": note, "extra": 5555555555554444}
            },
        }
    ).encode()
    assert post(body).status_code == 200

    (row,) = rows(conn)
    kept = bytes(row["body"]).decode()
    assert "4111 1111 1111 1111" not in kept
    assert "5555555555554444" not in kept
    assert "************1111, thanks" in kept
    assert row["event_type"] == "************4444"
    assert row["object_zoho_id"] == "4111111111111111"  # an id of Zoho's is no card number


def test_job_08_what_waits_shows_in_the_metrics(post: Post, app: Flask) -> None:
    metrics.register(app.extensions["services"].pool)  # another test's app may have come after this one
    post(event())
    text = app.test_client().get("/metrics", environ_base={"REMOTE_ADDR": "127.0.0.1"}).get_data(as_text=True)
    assert 'portal_inbox{state="pending"} 1.0' in text
    assert 'portal_jobs{state="todo"} 1.0' in text
    assert "portal_inbox_oldest_seconds" in text


def test_wh_13_forged_traffic_leaves_no_trace_but_one_line(
    app: Flask, conn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, client = listen(monkeypatch, refusals), app.test_client()
    monkeypatch.setattr(refusals, "hushed", Hushed())  # an earlier test's forger may just have been heard
    for number in range(200):
        answer = client.post(PATH, data=event(str(number)), headers={HEADER: "f" * 64})
        assert answer.status_code == 401

    assert rows(conn) == [] == jobs(conn)
    assert conn.execute("select count(*) n from billing.zoho_calls").fetchone()["n"] == 0
    assert [line["event"] for line in heard] == ["webhook signature refused"]
