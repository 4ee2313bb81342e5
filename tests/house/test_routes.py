"""Every address of the portal: who may open it, how it is spelled, and that no other one has crept in.

`UPDATE_ROUTES=1 pytest tests/house/test_routes.py` writes the list anew; read the difference first.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from flask import Flask

from portal.web import guard

LIST = Path(__file__).with_name("routes.txt")
KEBAB = re.compile(
    r"^/$|^(/(\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)?|<[a-z]+(\([^)]*\))?:[a-z_]+>(\.[a-z]+)?))+$"
)
# Machines come here: the webhook receiver, health, static files. Each has its own proof or holds no secret.
SESSIONLESS = {"webhooks.receive", "healthz", "readyz", "metrics", "static_file", "csp_reports"}


@pytest.fixture(scope="module")
def portal(worker_app: Flask) -> Flask:
    return worker_app


def shown(app: Flask) -> list[str]:
    return [
        f"{methods:<14} {path}  [{rule}]  {endpoint}" for path, methods, endpoint, rule in guard.matrix(app)
    ]


def test_the_list_of_routes_and_roles_is_exactly_this_ac_02(portal: Flask) -> None:
    now = shown(portal)
    if os.environ.get("UPDATE_ROUTES"):
        LIST.write_text("\n".join(now) + "\n")
    listed = LIST.read_text().splitlines()
    new, gone = sorted(set(now) - set(listed)), sorted(set(listed) - set(now))
    assert not new + gone, "Routes changed; check who may open them, then UPDATE_ROUTES=1:\n" + "\n".join(
        [f"+ {line}" for line in new] + [f"- {line}" for line in gone]
    )


def test_no_view_is_without_a_guard_ac_02(portal: Flask) -> None:
    shut = [endpoint for _, _, endpoint, rule in guard.matrix(portal) if rule.split()[0] == "nobody"]
    assert not shut, f"Say who may open it, with a decorator of portal.web.guard: {shut}"


def test_only_machines_come_without_a_session(portal: Flask) -> None:
    without = {endpoint for _, _, endpoint, rule in guard.matrix(portal) if rule.startswith("sessionless")}
    assert without <= SESSIONLESS


def test_urls_are_kebab_case_nouns_with_typed_parameters(portal: Flask) -> None:
    # a token and a hashed file name have no type but their own check
    paths = [re.sub(r"<(token|file_name)>", "<string:word>", path) for path, *_ in guard.matrix(portal)]
    odd = [path for path in paths if not KEBAB.match(path)]
    assert not odd, f"lower-case words with hyphens, and <type:name>: {odd}"


def test_staff_pages_have_a_prefix_of_their_own_ac_07(portal: Flask) -> None:
    rules = {(path, rule) for path, _, _, rule in guard.matrix(portal)}
    misplaced = [
        path
        for path, rule in rules
        if rule.startswith("staff") != (path == "/admin" or path.startswith("/admin/"))
    ]
    assert not misplaced, f"staff below /admin, everybody else outside it: {misplaced}"


def test_unsafe_methods_never_share_a_public_address_with_signed_in_pages(portal: Flask) -> None:
    by_path: dict[str, set[str]] = {}
    for path, _, _, rule in guard.matrix(portal):
        by_path.setdefault(path, set()).add(rule.split()[0].split(":")[0])
    mixed = {path: kinds for path, kinds in by_path.items() if "public" in kinds and len(kinds) > 1}
    assert not mixed


def test_nothing_answers_trace_csp_05(portal: Flask) -> None:
    client = portal.test_client()
    assert client.open("/healthz", method="TRACE").status_code in (400, 404, 405)
