"""Twenty clicks at once are one act, for every act there is (CONV-03, INV-2; issue: one effect each)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests import visitor as forms
from tests.harness.people import cookie_of, plant, totp
from tests.purchase.conftest import Shopper
from tests.purchase.every_act import ACTS, ROOMS, Act

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

CLICKS = 20
WRITING = ("POST", "PUT", "DELETE")


def test_no_act_is_missing(app: Flask) -> None:
    """Every address of the customer rooms that takes a POST is in the table, and nothing else."""
    there = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and rule.endpoint.partition(".")[0] in ROOMS
    }
    assert there == {act.endpoint for act in ACTS if act.endpoint.partition(".")[0] in ROOMS}


@pytest.mark.parametrize("act", ACTS, ids=[act.name for act in ACTS])
def test_twenty_clicks_at_once_are_one_act(
    act: Act, shop: Callable[[str], Shopper], monkeypatch: pytest.MonkeyPatch
) -> None:
    shopper = shop("newcomer@example.com")
    for name, value in act.settings.items():
        monkeypatch.setitem(shopper.services.settings.__dict__, name, value)
    act.arrange(shopper)
    path = act.form(shopper)
    page = shopper.visitor.get(path, **({"query_string": act.query} if act.query else {}))
    form = page.form(act.action or ("" if act.button else path), button=act.button)
    where, values = str(form["action"]), _values(act, form)
    before = _number(shopper)
    cookie = cookie_of(shopper.visitor)

    def click(_: int) -> tuple[int, str]:
        from tests.visitor import Visitor

        person = Visitor(shopper.visitor.app)
        plant(person, cookie)
        _carry_the_rest(shopper, person)
        answer = person.raw("POST", where, data=values)
        return answer.status_code, answer.headers.get("Location", "")

    with ThreadPoolExecutor(CLICKS) as pool:
        answers = list(pool.map(click, range(CLICKS)))

    # One who signed out everywhere, or got a new session, is sent to sign in, which is a redirect too.
    assert {status for status, _ in answers} <= act.answers, answers
    waiting = {to for _, to in answers if to.startswith(("/acts/", "/checkouts/"))}
    assert len(waiting) <= 1, "all twenty wait for one and the same"
    assert act.trace(shopper) == act.leaves
    writes = _writes_since(shopper, before)
    assert len(writes) == act.writes, writes
    unsettled = shopper.rows("select kind, state from billing.intents where state <> 'done'")
    assert not unsettled


def _values(act: Act, form: Any) -> dict[str, Any]:
    """The form as it is, filled in; a card is chosen by its last four digits, a code is the one of now."""
    values = forms._filled(form)
    for name, value in act.fills.items():
        assert form.find(attrs={"name": name}), f"no field {name!r}"
        values[name] = value
    if values.get("code") == "now":
        values["code"] = totp(str(form.find_parent("main").code.text))
    if act.fills.get("method", "").isdigit():
        label = form.find("label", string=lambda text: bool(text) and act.fills["method"] in str(text))
        label = label or next(one for one in form.find_all("label") if act.fills["method"] in one.get_text())
        values["method"] = form.find(id=label["for"])["value"]
    return values


def _carry_the_rest(shopper: Shopper, person: Any) -> None:
    """The other cookies of the browser, such as the one that keeps a mailed link."""
    kept = shopper.visitor.client._cookies or {}
    for cookie in kept.values():
        if cookie.key != "session":
            person.client.set_cookie(cookie.key, cookie.value, domain=cookie.domain)


def _number(shopper: Shopper) -> int:
    newest = shopper.sandbox.control("calls?limit=1")["calls"]
    return int(newest[0]["number"]) if newest else 0


def _writes_since(shopper: Shopper, number: int) -> list[str]:
    calls = shopper.sandbox.control(f"calls?since={number}&limit=5000")["calls"]
    return [
        f"{call['method']} {call['path']}"
        for call in calls
        if call["lane"] == "api" and call["method"] in WRITING
    ]
