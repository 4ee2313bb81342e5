"""Reading what a control call asks for, and refusing what makes no sense."""

from typing import Any

from flask import request

from sandbox.fields import from_json

Doc = dict[str, Any]


class Refusal(Exception):
    """A control call that cannot be done; the text says why and what would be right."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def body() -> Any:
    """The JSON body; no body is an empty object, and a field that is null is as good as absent."""
    raw = request.get_data(cache=True).strip()
    try:
        return _given(from_json(raw)) if raw else {}
    except ValueError as wrong:
        raise Refusal("the body is not JSON") from wrong


def fields(*allowed: str) -> Doc:
    """The JSON object of the call; a field that means nothing here is refused, not ignored."""
    found = body()
    if not isinstance(found, dict):
        raise Refusal("a JSON object is needed")
    unknown = sorted(set(found) - set(allowed))
    if unknown:
        raise Refusal(f"{', '.join(unknown)}: no such field; there are {', '.join(allowed)}")
    return found


def _given(read: Any) -> Any:
    """Without the nulls that languages with typed objects send for fields that nobody filled in."""
    return (
        {key: value for key, value in read.items() if value is not None} if isinstance(read, dict) else read
    )


def number(name: str, default: int, most: int) -> int:
    """A number of the query, held within 1 and `most`."""
    text = request.args.get(name, "")
    return min(max(int(text), 1), most) if text.isdecimal() and text.isascii() else default
