"""What a faulty Zoho says: the bodies of every fault that replaces an answer (facts 1.3, 2.3, 12.3)."""

from __future__ import annotations

import json
from typing import Any

from werkzeug.wrappers import Response

HTML_502 = (
    "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1>"
    "</center><hr><center>ZGS</center></body></html>"
)
HTML_504 = HTML_502.replace("502 Bad Gateway", "504 Gateway Time-out")
FAULT_HEADER = "X-Sandbox-Fault"

LIMITS = {
    "429": (
        44,
        (
            "For security reasons you have been blocked for some time as you have exceeded"
            " the maximum number of requests per minute."
        ),
    ),
    "429_daily": (45, "You have exceeded the maximum number of API calls for today."),
    "429_concurrency": (1070, "You have exceeded the maximum number of concurrent API calls."),
}
API = {
    "500": (500, {"code": 1000, "message": "Internal error"}),
    "503": (503, {"code": 1000, "message": "Service unavailable"}),
    "200_error": (200, {"code": 1000, "message": "Internal error"}),
    "401_14": (401, {"code": 14, "message": "Invalid value passed for authtoken."}),
    "403": (403, {"code": 57, "message": "You are not authorized to perform this operation"}),
}
THROTTLE = {
    "error_description": "You have made too many requests continuously. Please try again after some time.",
    "error": "Access Denied",
    "status": "failure",
}
THROTTLE_CHINESE = {
    "error_description": "您连续发出的请求过多。请稍后重试。",
    "error": "访问被拒绝",
    "status": "failure",
}
OAUTH = {
    "throttle": (400, THROTTLE),
    "throttle_200": (200, THROTTLE),
    "throttle_localised": (200, THROTTLE_CHINESE),
    "500": (500, {"error": "internal_error"}),
    "invalid_code": (200, {"error": "invalid_code"}),
    "invalid_client": (200, {"error": "invalid_client"}),
    "revoked": (200, {"error": "invalid_code"}),
}


def instead(lane: str, fault: str, retry_after_s: int) -> Response | None:
    """The answer that takes the place of the real one, for faults that have one."""
    if fault == "502_html":
        return Response(HTML_502, 502, content_type="text/html")
    if fault == "empty":
        return Response(b"", 200, content_type="application/json")
    if lane == "api" and fault in LIMITS:
        return limited(fault)
    if fault == "429_retry_after":
        return limited("429", retry_after_s)
    known: dict[str, tuple[int, dict[str, Any]]] = API if lane == "api" else OAUTH
    if fault in known:
        status, body = known[fault]
        return as_json(body, status)
    return None


def limited(fault: str, retry_after: int | None = None) -> Response:
    code, message = LIMITS[fault]
    answer = as_json({"code": code, "message": message}, 429)
    if retry_after is not None:
        answer.headers["Retry-After"] = str(retry_after)
    return answer


def throttled(form: str) -> Response:
    """The token endpoint's throttle, in the form that the switch chooses."""
    forms = {"400": "throttle", "200": "throttle_200", "200_localised": "throttle_localised"}
    status, body = OAUTH[forms[form]]
    return as_json(body, status)


def timed_out(fault: str) -> Response:
    """What a gateway says at last; the header lets a simulation turn it into a time-out."""
    return Response(HTML_504, 504, headers={FAULT_HEADER: fault}, content_type="text/html")


def as_json(body: dict[str, Any], status: int) -> Response:
    text = json.dumps(body, ensure_ascii=False)
    return Response(text, status, content_type="application/json;charset=UTF-8")
