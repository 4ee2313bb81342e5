"""How every answer of the API is wrapped: `code`, `message` and the resource beside them."""

from __future__ import annotations

import json
from typing import Any

from flask import Response

from sandbox.world import current

SPANISH = {
    "success": "éxito",
    "Hosted page has been created successfully.": "La página alojada se ha creado correctamente.",
}
DONE = {"es": "La operación se ha realizado correctamente.", "zh": "操作成功。"}
REFUSED = {"es": "No se ha podido realizar la operación.", "zh": "操作失败。"}


def ok(message: str = "success", status: int = 200, /, **resources: Any) -> Response:
    """A success."""
    return _json({"code": 0, "message": localised(message, DONE), **resources}, status)


def failed(code: int, message: str, status: int = 400) -> Response:
    """A refusal: two keys and nothing more."""
    return _json({"code": code, "message": localised(message, REFUSED)}, status)


def localised(message: str, otherwise: dict[str, str]) -> str:
    """The message in the organisation's language; clients must not branch on it, and here they can learn
    that.
    """
    language = current().settings.message_language
    if language == "en":
        return message
    return SPANISH.get(message, otherwise["es"]) if language == "es" else otherwise["zh"]


def _json(body: dict[str, Any], status: int) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, mimetype="application/json", content_type="application/json;charset=UTF-8")
