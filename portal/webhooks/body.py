"""Reading the body of a delivery strictly, once its signature has proved to be good (WH-03).

JSON: at most 32 levels deep, no key twice, no NaN. A form is read as a flat object. Which of the two it
is decides the first character, not the Content-Type: a sibling product of Zoho sends JSON labelled as a
form (facts.md 7.2, docs/decisions/0031).
"""

import json
from decimal import Decimal
from typing import Any, NoReturn
from urllib.parse import parse_qsl

DEEPEST = 32
_MOST_FIELDS = 500


class Malformed(ValueError):
    """The body is signed, yet not something that Zoho sends."""


def parse(body: bytes) -> dict[str, Any]:
    """Return the body as an object. Raises :class:`Malformed`."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("not UTF-8") from None
    found = _json(text) if text.lstrip()[:1] in ("{", "[") else _form(text)
    if not isinstance(found, dict):
        raise Malformed("not an object")
    return found


def _json(text: str) -> Any:
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse, parse_float=Decimal)
    except RecursionError:
        raise Malformed("nested too deep") from None
    except ValueError as problem:
        raise Malformed(str(problem)) from None
    _check_depth(found, DEEPEST)
    return found


def _form(text: str) -> dict[str, Any]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=_MOST_FIELDS)
    except ValueError as problem:
        raise Malformed(f"neither JSON nor a form: {problem}") from None
    found: dict[str, Any] = _once(pairs)
    for key, value in found.items():
        if value.lstrip()[:1] == "{":  # a form field may carry an object as JSON text
            found[key] = _json(value)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a key stands twice")
    return found


def _refuse(name: str) -> NoReturn:
    raise Malformed(f"{name} is not JSON")


def _check_depth(value: Any, left: int) -> None:
    if not isinstance(value, dict | list):
        return
    if left == 0:
        raise Malformed("nested too deep")
    for inner in value.values() if isinstance(value, dict) else value:
        _check_depth(inner, left - 1)
