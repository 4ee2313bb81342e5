"""The hourly look at where people are sent to pay sees what is wrong (PCI-04)."""

from __future__ import annotations

import re
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.serving import make_server

from portal.db import transaction
from portal.jobs import front_door, tasks
from tests.harness.logs import listen
from tests.harness.people import sign_in, wear
from tests.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

ORIGINS = ["https://pay.example"]
GOOD = {
    "Content-Security-Policy": "default-src 'none'; script-src 'nonce-abc' 'strict-dynamic';"
    " form-action 'self' https://pay.example; base-uri 'none'",
    "Strict-Transport-Security": "max-age=31536000",
}


def with_policy(old: str, new: str) -> dict[str, str]:
    return {**GOOD, "Content-Security-Policy": GOOD["Content-Security-Policy"].replace(old, new)}


def figure(app: Flask) -> float:
    text = Visitor(app).raw("GET", "/metrics").get_data(as_text=True)
    found = re.search(r"^portal_front_door_changed (\S+)$", text, re.MULTILINE)
    assert found, text
    return float(found.group(1))


def test_pci_04_what_we_send_has_no_fault(app: Flask) -> None:
    headers = dict(Visitor(app).raw("GET", front_door.PAGE).headers)
    origins = app.extensions["services"].settings.zoho_hosted_origins
    assert list(front_door.faults(headers, origins)) == []
    assert list(front_door.faults(GOOD, ORIGINS)) == []


@pytest.mark.parametrize(
    ("headers", "fault"),
    [
        (with_policy("https://pay.example", "https://evil.example"), "forms may be sent elsewhere"),
        (with_policy("form-action", "x-action"), "forms may be sent elsewhere"),
        (with_policy("'strict-dynamic'", "'unsafe-inline'"), "scripts without a stamp may run"),
        (with_policy("'nonce-abc'", "https://evil.example 'nonce-abc'"), "scripts without a stamp may run"),
        (with_policy("base-uri", "frame-src https://evil.example; base-uri"), "frames or other sources are"),
        (with_policy("default-src 'none'", "default-src *"), "frames or other sources are"),
        ({**GOOD, "Strict-Transport-Security": ""}, "transport security is gone"),
    ],
)
def test_pci_04_each_change_is_named(headers: dict[str, str], fault: str) -> None:
    (found,) = front_door.faults(headers, ORIGINS)
    assert found.startswith(fault)


def test_pci_04_the_door_is_looked_at_from_outside(
    make_app: Callable[..., Flask], database_url: str, conn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(trusted_proxies=0)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    services = app.extensions["services"]
    settings = services.settings.model_copy(update={"base_url": f"http://127.0.0.1:{server.port}"})
    monkeypatch.setattr(front_door, "PAUSE_SECONDS", 0)
    heard = listen(monkeypatch, front_door)
    beside: Any = SimpleNamespace(
        additional_context={"services": SimpleNamespace(settings=settings, pool=services.pool)}
    )
    try:
        with transaction.as_worker(services.pool) as tx:
            assert front_door.list_pages(tx) == []
        assert front_door.look(settings, [f"{settings.zoho_hosted_origins[0]}/hostedpage/1"]) == []
        assert front_door.look(settings, ["https://evil.example/1"]) == [
            "a payment page lies at https://evil.example"
        ]
        tasks.watch_front_door.func(beside)
        assert figure(app) == 0, "nothing was wrong that the hourly job could see"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    tasks.watch_front_door.func(beside)
    assert figure(app) == 1, "what the worker found shows where Prometheus asks: at the web"
    staff = wear(Visitor(app), sign_in(app, "staff@example.com", is_staff=True))
    assert staff.get("/admin").shows("The way to pay was found changed.")
    assert [line["what"] for line in heard] == [
        "a payment page lies at https://evil.example",
        "/sign-in cannot be fetched (ConnectionError)",
    ]


def test_pci_04_a_web_server_that_is_just_replaced_is_asked_once_more(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = app.extensions["services"].settings
    answers = ["/sign-in answers 502", {**GOOD, "Content-Security-Policy": ""}]
    monkeypatch.setattr(front_door, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(front_door, "_fetched", lambda _: answers.pop(0))
    assert "forms may be sent elsewhere" in front_door.look(settings, [])
    assert answers == []
