"""What really happened at Zoho: every write that reached it and took effect, whatever became of its answer.

Stands between the sandbox's weather and its application, where "time-out after effect" cannot hide a thing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from tests.simulation.virtual import VirtualTime

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Flask

API = "/billing/v1"
# What the merchant's people do in Zoho's own screens.
STAFF = "/_control/act"
# What one act of the portal asks of Zoho: method and path, with the subject's id in the path.
CALLS: dict[str, tuple[str, str]] = {
    "create_customer": ("POST", "/customers"),
    "create_subscription": ("POST", "/subscriptions"),
    "change_plan": ("PUT", "/subscriptions/{id}"),
    "cancel": ("POST", "/subscriptions/{id}/cancel"),
    "reactivate": ("POST", "/subscriptions/{id}/reactivate"),
    "pause": ("POST", "/subscriptions/{id}/pause"),
    "resume": ("POST", "/subscriptions/{id}/resume"),
    "drop_scheduled_change": ("DELETE", "/subscriptions/{id}/scheduledchanges"),
    "use_method": ("POST", "/subscriptions/{id}/card"),
    "collect": ("POST", "/invoices/{id}/collect"),
    "remove_method": ("DELETE", "/customers/{customer}/cards/{id}"),
    "update_customer": ("PUT", "/customers/{id}"),
}
# The merchant's acts on the same subject after which nobody can see that the portal's act was done.
UNDONE_BY: dict[str, tuple[str, ...]] = {
    "change_plan": ("change_plan", "cancel", "delete_subscription"),
    "cancel": ("reactivate", "delete_subscription"),
    "reactivate": ("cancel", "delete_subscription"),
}


@dataclass(frozen=True)
class Effect:
    """A write that took effect; the time is the portal's, the path that of the API or :data:`STAFF`."""

    at: datetime
    method: str
    path: str
    asked: dict[str, Any]


class Recorder:
    """A WSGI layer that writes down successful writes of the API."""

    def __init__(self, virtual: VirtualTime) -> None:
        self.effects: list[Effect] = []
        self._virtual = virtual
        self._inner: WSGIApplication

    def attend(self, zoho: Flask) -> None:
        """Stand in this process of the sandbox; it waits in virtual time."""
        layer = zoho.extensions["sandbox_layer"]
        layer.sleep = self._virtual.sleep
        self._inner, layer._inner = layer._inner, self

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if method == "GET" or not path.startswith((API, STAFF)):
            return self._inner(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = _again(body)
        answer = Response.from_app(self._inner, environ, buffered=True)
        said = path == STAFF or re.match(rb'\s*\{\s*"code":\s*0\b', answer.get_data())
        # A yes that says in its body that no money came.
        failed = b'"status":"failure"' in answer.get_data() and path.endswith("/collect")
        failed |= b'"status":"creation_failed"' in answer.get_data() and path.endswith("/subscriptions")
        if answer.status_code < 300 and said and not failed:
            asked = json.loads(body) if body.startswith(b"{") else {}
            effect = Effect(self._virtual.ours(), method, path.removeprefix(API), asked)
            self.effects.append(effect)
        return answer(environ, start_response)


def address(intent: dict[str, Any]) -> tuple[str, str]:
    """Where the act of an intent is sent."""
    method, path = CALLS[intent["kind"]]
    customer = intent["request"].get("customer_id", "")
    return method, path.format(id=intent["subject_zoho_id"], customer=customer)


def undoes(effect: Effect, intent: dict[str, Any]) -> bool:
    """Whether the merchant's people left nothing to be seen of what this intent did."""
    kinds = UNDONE_BY.get(intent["kind"], ())
    subject = intent["subject_zoho_id"]
    return effect.path == STAFF and effect.asked["kind"] in kinds and subject in effect.asked.values()


def is_of(effect: Effect, intent: dict[str, Any]) -> bool:
    """Whether the effect is one that this intent asks for (creations by what they carry)."""
    if (effect.method, effect.path) != address(intent):
        return False
    if intent["kind"] == "create_subscription":
        return bool(effect.asked.get("reference_id") == intent["key"])
    if intent["kind"] == "create_customer":
        # An account whose customer was deleted at Zoho gets another one, by an act of its own.
        is_over = intent["settled_at"] is not None and effect.at > intent["settled_at"]
        began = intent["called_at"] is not None and effect.at >= intent["called_at"]
        return bool(effect.asked.get("email") == intent["request"]["email"] and began and not is_over)
    if intent["kind"] == "change_plan" and _plan_asked(effect) != _plan_wanted(intent):
        # The change before may take effect in the very moment in which this one was sent.
        return False
    return intent["called_at"] is not None and effect.at >= intent["called_at"]


def _plan_asked(effect: Effect) -> str | None:
    code: str | None = effect.asked.get("plan", {}).get("plan_code")
    return code


def _plan_wanted(intent: dict[str, Any]) -> str | None:
    code: str | None = intent["request"].get("choice", {}).get("plan")
    return code


def _again(body: bytes) -> Any:
    from io import BytesIO

    return BytesIO(body)
