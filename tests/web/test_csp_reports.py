"""What browsers report about the content policy is counted and told, bounded, and kept nowhere (CSP-01)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import REGISTRY

from portal.web import csp_reports
from portal.web.hushed import Hushed
from tests.harness.logs import listen

if TYPE_CHECKING:
    from flask import Flask

    from tests.harness.logs import Line

BLOCKED = "https://evil.example/steal?cookie=secret"


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Line]:
    monkeypatch.setattr(csp_reports, "hushed", Hushed())
    return listen(monkeypatch, csp_reports)


def send(app: Flask, told: Any, kind: str = "application/reports+json") -> int:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    return app.test_client().post("/csp-reports", data=body, content_type=kind).status_code


def counted(directive: str) -> float:
    return REGISTRY.get_sample_value("portal_csp_reports_total", {"directive": directive}) or 0.0


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (
            "application/reports+json",
            [{"type": "csp-violation", "body": {"effectiveDirective": "img-src", "blockedURL": BLOCKED}}],
        ),
        (
            "application/csp-report",
            {"csp-report": {"effective-directive": "img-src", "blocked-uri": BLOCKED}},
        ),
    ],
)
def test_a_report_is_counted_and_told_without_its_path(
    app: Flask, heard: list[Line], conn: Any, kind: str, told: Any
) -> None:
    before = counted("img-src")
    assert send(app, told, kind) == 204
    assert counted("img-src") == before + 1
    assert [(line["directive"], line["blocked"]) for line in heard] == [("img-src", "https://evil.example")]
    assert conn.execute("select count(*) n from billing.rate_limits").fetchone()["n"] == 0


def test_a_flood_of_reports_is_one_line(app: Flask, heard: list[Line]) -> None:
    told = [{"body": {"effectiveDirective": "script-src-elem", "blockedURL": "inline"}}] * 20
    for _ in range(50):
        assert send(app, told) == 204
    assert [line["blocked"] for line in heard] == ["inline"]


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (b"not json", 422),
        (b"[" * 16_000, 422),
        (b"x" * 17_000, 413),
        ([7, "x", {"body": 3}, {}], 204),
        ([{"body": {"effectiveDirective": ["x"], "blockedURL": {"a": 1}}}], 204),
        ([{"body": {"effectiveDirective": "made-up", "blockedURL": "http://[bad"}}], 204),
    ],
)
def test_what_is_no_report_does_no_harm(app: Flask, heard: list[Line], told: Any, status: int) -> None:
    assert send(app, told) == status
    assert all(line["directive"] == "other" for line in heard)
