"""Reading a request body: known fields with their types, unknown ones ignored as Zoho does.

Lenient as the real API is (a number may come as text), strict where a wrong value could not mean anything.
"""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

from sandbox import dates
from sandbox.errors import bad
from sandbox.money import dec, rounded, text
from sandbox.tx import Doc

LONGEST = 2000
LARGEST = Decimal(10) ** 12


def from_json(raw: bytes) -> Any:
    """A request's JSON, or ValueError; text that cannot be written as UTF-8 is refused with the rest."""
    try:
        read = json.loads(raw)
        json.dumps(read, ensure_ascii=False).encode()
    except RecursionError as wrong:
        raise ValueError("too deep") from wrong
    return read


def string(body: Doc, name: str, default: str = "", *, longest: int = LONGEST) -> str:
    """A text field; numbers become text, other shapes are refused."""
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, (dict, list)):
        raise bad(name)
    if len(shown := _lower_bool(value)) > longest or "\x00" in shown or _unpaired(shown):
        raise bad(name)
    return shown


def as_id(value: object) -> str:
    """An id as it is kept; a client may send its digits as a number, and nothing else is one."""
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int else ""


def required(body: Doc, name: str, *, longest: int = LONGEST) -> str:
    """A text field that must be there."""
    value = string(body, name, longest=longest).strip()
    if not value:
        raise bad(name)
    return value


def amount(
    body: Doc, name: str, default: Decimal | None = None, *, least: Decimal = Decimal(0)
) -> Decimal | None:
    """A money field."""
    value = body.get(name)
    if value is None or value == "":
        return default
    try:
        read = dec(value)
    except ValueError as wrong:
        raise bad(name) from wrong
    if read < least or read > LARGEST:
        raise bad(name)
    return read.quantize(Decimal("0.000001")).normalize() + 0


def amount_text(body: Doc, name: str, default: str = "0") -> str:
    """A money field as documents keep it."""
    read = amount(body, name)
    return default if read is None else text(read)


def discount(body: Doc, name: str, of: Decimal, places: int) -> Decimal:
    """What a discount takes off an amount: itself an amount, or a percentage with its sign (12.5%)."""
    given = string(body, name).strip()
    if given.endswith("%"):
        share = amount({name: given[:-1]}, name) or Decimal(0)
        off = rounded(of * share / 100, places)
    else:
        off = rounded(amount(body, name) or Decimal(0), places)
    if off > of:
        raise bad(name)
    return off


def whole(body: Doc, name: str, default: int, *, least: int = 0, most: int = 10**6) -> int:
    """A whole number, also as text or as 3.0."""
    value = body.get(name)
    if value is None or value == "":
        return default
    try:
        read = dec(value)
    except ValueError as wrong:
        raise bad(name) from wrong
    if read != read.to_integral_value() or not least <= read <= most:
        raise bad(name)
    return int(read)


def flag(body: Doc, name: str, default: bool) -> bool:
    """True or false, also as text."""
    value = body.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise bad(name)


def day(body: Doc, name: str, default: date | None = None) -> date | None:
    """A business date."""
    value = body.get(name)
    if value is None or value == "":
        return default
    try:
        return dates.parse(value)
    except ValueError as wrong:
        raise bad(name) from wrong


def choice(body: Doc, name: str, allowed: tuple[str, ...], default: str) -> str:
    """One of several words."""
    value = string(body, name, default) or default
    if value not in allowed:
        raise bad(name)
    return value


def objects(body: Doc, name: str) -> list[Doc]:
    """A list of objects."""
    value = body.get(name)
    if value is None or value == "":
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise bad(name)
    return value


def inner(body: Doc, name: str) -> Doc:
    """An object within."""
    value = body.get(name)
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise bad(name)
    return value


def kept(body: Doc, names: tuple[str, ...]) -> Doc:
    """Texts that are only remembered and given back."""
    return {name: string(body, name) for name in names if body.get(name) is not None}


def _lower_bool(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unpaired(value: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in value)
