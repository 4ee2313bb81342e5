"""The page that a stranger reads first is true: its commands, run as they stand, do what they say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import processes
from tests.harness.processes import Sandbox, free_port, until
from tests.sandbox.outside.conftest import Receiver

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "sandbox.md").read_text()
HERE, HOOKS = "http://127.0.0.1:8001", "http://127.0.0.1:8000/my/webhooks"
INDENTED = re.compile(r"^ +```\n(.*?)^ +```$", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """`python -m sandbox`, fresh, with a folder and ports of its own."""
    folder = tmp_path_factory.mktemp("alone")
    env = {
        "SANDBOX_DATA": str(folder / "world"),
        "SANDBOX_PORT": str(free_port()),
        "SANDBOX_SMTP_PORT": "0",
    }
    with processes.sandbox(folder, env) as running:
        yield running


def test_the_five_minutes_work_as_they_are_written(alone: Sandbox, receiver: Receiver) -> None:
    steps = PAGE.partition("## Five minutes")[2].partition("\n## ")[0]
    listening, buying = INDENTED.findall(steps)
    moving, resetting = re.findall(r"`(curl [^`]+)`", steps)
    paying = next(line for line in PAGE.splitlines() if line.startswith('curl -i "$URL" -d act=pay'))

    def run(text: str, **variables: str) -> str:
        written = text.replace(HERE, alone.url).replace(HOOKS, receiver.url)
        command = ["bash", "-euc", written]
        return subprocess.run(
            command, env={"PATH": "/usr/bin:/bin", **variables}, capture_output=True, text=True, check=True
        ).stdout

    assert json.loads(run(listening))["webhooks"][0]["url"] == receiver.url
    page = json.loads(run(buying))["hostedpage"]
    assert "303" in run(paying, URL=page["url"]).splitlines()[0]
    until(lambda: "subscription_created" in told(receiver), what="the webhook of the purchase")
    run(moving)
    until(lambda: "subscription_renewed" in told(receiver), what="the webhook of the renewal")
    run(resetting)
    assert len(alone.state("customers")) == 8, "the eight people of the page"


def told(receiver: Receiver) -> list[str]:
    return [json.loads(body)["event_type"] for body in receiver.bodies()]


def test_what_the_page_calls_its_people_is_who_is_there(alone: Sandbox) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith("| customers | "))
    names = re.findall(r"(\w+) \(", row.split("|")[2])
    assert sorted(names) == sorted(each["email"].split("@")[0] for each in alone.state("customers"))
    for kind, key in (("plans", "plan_code"), ("addons", "addon_code"), ("coupons", "coupon_code")):
        for thing in alone.state(kind):
            assert f"`{thing[key]}`" in PAGE, thing[key]
