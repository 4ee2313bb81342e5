"""The weather form: a probability for each fault, and what goes with them."""

from __future__ import annotations

import json

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from sandbox.console.shell import back
from sandbox.control.weather import turn
from sandbox.faults import weather
from sandbox.store import Doc
from sandbox.world import current

blueprint = Blueprint("console_weather", __name__, url_prefix="/console")
SAMPLES = {
    "No webhook arrives": {"webhooks": {"drop": 1}},
    "A shaky afternoon": {
        "api": {"429": 0.1, "500": 0.05, "slow": 0.2, "timeout_after_effect": 0.05},
        "webhooks": {"drop": 0.1, "duplicate": 0.3, "reorder": True, "delay_s": [0, 20]},
        "seed": 7,
    },
    "Zoho is down": {"api": {"502_html": 1}, "oauth": {"502_html": 1}},
    "Acts take effect, answers get lost": {"api": {"timeout_after_effect": 0.5}, "seed": 3},
    "Lists lag behind": {"api": {"stale_list": 1, "stale_s": 60}},
    "Its clock is ten minutes slow": {"skew_s": -600},
}
LANES = {
    "api": "Zoho's API",
    "oauth": "The token endpoint",
    "webhooks": "Webhooks on their way",
}
MEANINGS = {
    "429": "too many calls, no hint when to come back",
    "429_retry_after": "too many calls, with Retry-After",
    "429_daily": "the day's calls are used up (code 45)",
    "429_concurrency": "too many calls at one time (code 1070)",
    "500": "internal error",
    "502_html": "a gateway's HTML page",
    "503": "service unavailable",
    "empty": "200 with nothing in it",
    "200_error": "200 with an error code in it",
    "timeout": "no answer, and nothing happened",
    "timeout_after_effect": "no answer, but it happened",
    "reset": "the connection breaks in the middle",
    "slow": "a slow answer",
    "stale": "any read shows the past",
    "stale_list": "lists show the past",
    "shift": "rows move between two pages",
    "truncated_pdf": "half a PDF",
    "token_expired": "the access token ends now",
    "401_14": "401 with code 14",
    "403": "no permission",
    "throttle": "throttled, HTTP 400",
    "throttle_200": "throttled, HTTP 200",
    "throttle_localised": "throttled, in Chinese",
    "invalid_code": "the refresh token is unknown",
    "invalid_client": "the client is unknown here",
    "revoked": "the refresh token is revoked for good",
    "drop": "never arrives",
    "duplicate": "arrives two to five times",
    "corrupt": "one byte differs",
    "truncate": "half of it arrives",
    "forge": "a forged copy comes along",
    "replay": "an old one comes again",
}


@blueprint.get("/weather")
def show() -> ResponseReturnValue:
    with current().store.read() as tx:
        sky = weather.read(tx)
    return render_template(
        "console/weather.html",
        weather=sky,
        samples={name: json.dumps(sample) for name, sample in SAMPLES.items()},
        lanes=LANES,
        faults={lane: sorted(names) for lane, names in weather.FAULTS.items()},
        meanings=MEANINGS,
    )


@blueprint.post("/weather")
def change() -> Response:
    """A sample, a clear sky, or the numbers of the form in percent."""
    try:
        wanted = weather.check(_wanted())
    except (weather.Invalid, ValueError) as wrong:
        return back("/console/weather", wrong=f"Not changed. {wrong}")
    turn(current(), wanted)
    return back("/console/weather", "The weather has changed." if wanted else "The sky is clear.")


def _wanted() -> Doc:
    form = request.form
    if "sample" in form:
        sample: Doc = json.loads(form["sample"])
        return sample
    wanted: Doc = {}
    for lane, names in weather.FAULTS.items():
        chosen = {name: _percent(form.get(f"{lane}.{name}", "")) for name in names}
        if faults := {name: p for name, p in chosen.items() if p}:
            wanted[lane] = faults
    if latest := _number(form.get("delay", "")):
        wanted.setdefault("webhooks", {})["delay_s"] = [0, latest]
    if "reorder" in form:
        wanted.setdefault("webhooks", {})["reorder"] = True
    if skew := _number(form.get("skew", "")):
        wanted["skew_s"] = skew
    return wanted | ({"seed": int(form.get("seed") or 0)} if wanted else {})


def _percent(text: str) -> float:
    return round(_number(text) / 100, 4)


def _number(text: str) -> float:
    try:
        return float(text or 0)
    except ValueError:
        raise weather.Invalid(f'"{text}" is no number.') from None
