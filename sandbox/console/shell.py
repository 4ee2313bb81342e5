"""What stands around every page of the console: the time, the weather, the navigation, and messages."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import redirect, request
from werkzeug.wrappers import Response

from sandbox.faults import weather
from sandbox.store import Doc
from sandbox.webhooks import schedule
from sandbox.world import current

COMPANY = (
    ("/console", "Overview"),
    ("/console/customers", "Customers"),
    ("/console/subscriptions", "Subscriptions"),
    ("/console/invoices", "Invoices"),
    ("/console/catalogue", "Catalogue"),
    ("/console/acts", "Act as staff"),
)
OUTSIDE = (
    ("/console/events", "Events"),
    ("/console/webhooks", "Webhooks"),
    ("/console/pages", "Hosted pages"),
    ("/console/calls", "Calls"),
    ("/mailbox", "Mail"),
    ("/console/oauth", "API clients"),
)
WORLD = (
    ("/console/clock", "Clock"),
    ("/console/weather", "Weather"),
    ("/console/switches", "Switches"),
    ("/console/world", "Reset and copies"),
)
NAVIGATION = (("Company", COMPANY), ("Outside", OUTSIDE), ("World", WORLD))
PER_PAGE = 50


def surroundings() -> dict[str, Any]:
    """Values for the frame; nothing is read for pages that have another frame."""
    if not request.path.startswith("/console"):
        return {}
    world = current()
    with world.store.read() as tx:
        sky = weather.read(tx)
        waiting = tx.count(schedule.KIND, where={"status": "scheduled"}) if schedule.has_any(tx) else 0
    return {
        "navigation": NAVIGATION,
        "here": request.path,
        "now": world.clock.now(),
        "zone": world.settings.time_zone,
        "sky": forecast(sky),
        "waiting": waiting,
        "moving": world.progress.get("running", False),
        "said": request.args.get("said", ""),
        "wrong": request.args.get("wrong", ""),
    }


def forecast(sky: Doc) -> str:
    """The weather in words, or nothing when it is calm."""
    parts = []
    for lane in ("api", "oauth", "webhooks"):
        faults = [
            f"{name} {float(p):.0%}"
            for name, p in sky.get(lane, {}).items()
            if name in weather.FAULTS[lane] and p
        ]
        faults += ["reordered"] if sky.get(lane, {}).get("reorder") else []
        faults += ["delayed"] if any(_ends(sky.get(lane, {}).get("delay_s", 0))) else []
        if faults:
            parts.append(f"{lane}: {', '.join(faults)}")
    if skew := sky.get("skew_s"):
        parts.append(f"clock: off by {' to '.join(f'{each:g}' for each in _ends(skew))} s")
    return "; ".join(parts)


def _ends(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def back(path: str, said: str = "", wrong: str = "") -> Response:
    """Go to a page after an act, with a message on it."""
    name, text = ("wrong", wrong) if wrong else ("said", said)
    joint = "&" if "?" in path else "?"
    return redirect(f"{path}{joint}{name}={quote(text)}" if text else path, 303)


def page_number() -> int:
    text = request.args.get("page", "1")
    return min(max(int(text), 1), 10**6) if text.isdecimal() and text.isascii() else 1
