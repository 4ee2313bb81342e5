"""Requests that Zoho's specs allow, drawn by hypothesis: types from the schema, meanings from the field's
name.

The specs type nearly everything as "string"; that a `starts_at` is a date and a `type` one of three words
stands only in their prose.  Those meanings are here, and so are the fields that must name something that
exists.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from tests.contracts.spec import Operation, Schema

WORDS = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "Zs", "P"]), min_size=1, max_size=30
).filter(lambda text: bool(text.strip()))
DAYS = st.dates().map(
    lambda day: day.replace(
        year=2026 + day.year % 4 if day.month != 2 else 2026, day=min(day.day, 28)
    ).isoformat()
)
MONEY = st.decimals(min_value=0, max_value=5000, places=2, allow_nan=False).map(float)
WHOLE = st.integers(min_value=1, max_value=20)
LABELLED = st.lists(st.fixed_dictionaries({"label": WORDS, "value": WORDS}), max_size=2)
EMAILS = st.from_regex(r"[a-z]{1,8}@example\.com", fullmatch=True)

MEANINGS: dict[str, st.SearchStrategy[Any]] = {
    "email": EMAILS,
    "interval_unit": st.sampled_from(["weeks", "months", "years"]),
    "interval": st.integers(1, 12),
    "pricing_scheme": st.sampled_from(["unit", "volume", "tier", "package"]),
    "discount_by": st.sampled_from(["percentage", "flat"]),
    "discount_value": st.integers(1, 100),
    "apply_to_plans": st.sampled_from(["all", "select", "none"]),
    "apply_to_addons": st.sampled_from(["all", "select", "none"]),
    "payment_mode": st.sampled_from(
        ["check", "cash", "creditcard", "banktransfer", "bankremittance", "others"]
    ),
    "currency_code": st.sampled_from(["USD", "EUR", "GBP"]),
    "billing_cycles": st.sampled_from([-1, 1, 12]),
    "payment_terms": st.integers(0, 60),
    "expiry_at": st.just("2030-12-31"),
    "date": DAYS,
    "due_date": DAYS,
    "renewal_at": st.just("2035-01-01"),
    "starts_at": st.just(""),
    "price": MONEY,
    "quantity": WHOLE,
    "auto_collect": st.booleans(),
    "type": st.sampled_from(["one_time"]),
    "custom_fields": LABELLED,
    "item_custom_fields": LABELLED,
    "price_brackets": st.lists(st.fixed_dictionaries({"price": MONEY}), min_size=1, max_size=1),
    "amount_applied": st.just(1),
    "shipping_charge": MONEY.map(str),
    "adjustment": MONEY,
    "discount": st.sampled_from([0, "10%"]),
    "discount_type": st.sampled_from(["entity_level", "item_level"]),
    "is_taxable": st.booleans(),
    "is_tds_registered": st.booleans(),
    "to_mail_ids": st.lists(EMAILS, min_size=1, max_size=2),
    "attachment": st.none(),
    "can_send_in_mail": st.booleans(),
}


def drawn(schema: Schema | None, fixed: dict[str, Any], name: str = "") -> st.SearchStrategy[Any]:
    """A strategy for one schema; `fixed` says what named fields must be, `...` that one must be left out."""
    if schema is None:
        return st.none()
    if name in MEANINGS:
        return MEANINGS[name]
    if "oneOf" in schema or "anyOf" in schema:
        return st.one_of([drawn(each, fixed) for each in schema.get("oneOf") or schema["anyOf"]])
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        return _object(schema, fixed)
    if kind == "array":
        return st.lists(drawn(schema.get("items", {}), fixed), min_size=1, max_size=2)
    if schema.get("enum"):
        return st.sampled_from(schema["enum"])
    simple = {"integer": WHOLE, "number": MONEY, "boolean": st.booleans(), "string": WORDS}
    return simple.get(str(kind), WORDS)


# optional by the letter of the specs, but without them a request asks for nothing
MEANT = ("discount_value", "invoice_items", "recurring_price")


def _object(schema: Schema, fixed: dict[str, Any]) -> st.SearchStrategy[Any]:
    always: dict[str, st.SearchStrategy[Any]] = {}
    sometimes: dict[str, st.SearchStrategy[Any]] = {}
    needed = schema.get("required", [])
    for name, inner in schema.get("properties", {}).items():
        if name in fixed:
            if fixed[name] is not ...:
                always[name] = st.just(fixed[name])
            continue
        chosen = always if name in needed or name in MEANT else sometimes
        chosen[name] = drawn(inner, fixed, name)
    return st.fixed_dictionaries(always, optional=sometimes)


def queried(operation: Operation, fixed: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A query that the specs allow: what the case needs, any filter, any page."""
    free = {
        "filter_by": st.sampled_from(operation.filtered or ["All"]),
        "send": st.sampled_from(["true", "false"]),
        "customer_id": st.just("5120000000009999"),
        "product_id": st.just("5120000000009999"),
    }
    named = {each.name: free[each.name] for each in operation.query if each.name in free}
    if operation.method == "GET" and not operation.path.endswith("}"):
        named |= {"page": st.integers(1, 3), "per_page": st.integers(1, 500)}
    always = {name: st.just(value) for name, value in fixed.items()}
    return st.fixed_dictionaries(always, optional={n: v for n, v in named.items() if n not in fixed})


# values that make no sense nearly anywhere; a lone surrogate cannot be written as UTF-8
SPOILERS: list[Any] = [
    *(None, True, 0, -1, -0.5, 1e308, 10**30, 2**63, "", "x", "9" * 40, "NaN", "-Infinity", "1e400"),
    *([], {}, [None], [[]], [{}], {"a": 1}, "\x00", "\ud800", "2027-02-30", "0001-01-01", "9999-12-31"),
    *("é" * 300, "٣", "²", "1_000"),
]


def spoilt(good: Any) -> st.SearchStrategy[Any]:
    """A request with one of its values, at any depth, replaced by a spoiler."""
    return st.builds(
        _replaced, st.just(good), st.sampled_from(list(_places(good))), st.sampled_from(SPOILERS)
    )


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from _places(each, (*path, key))


def _replaced(value: Any, path: tuple[Any, ...], spoiler: Any) -> Any:
    if not path:
        return spoiler
    changed = copy.copy(value)
    changed[path[0]] = _replaced(value[path[0]], path[1:], spoiler)
    return changed
