"""Where an answer departs from the specs, and why: each departure is named, all others fail the test."""

from __future__ import annotations

from typing import Any

from tests.contracts.spec import Operation, Schema

# field (anywhere) -> the reason why its type in the specs is not what the real API sends
TYPES: dict[str, str] = {
    "interval": "3.3 LIVE: a number; string in the file",
    "tax_amount": "3.3 LIVE: a number; string in the file",
    "last_four_digits": "5.1: an integer would lose leading zeros; switch u13_last_four sends one",
    "events:payload": "7.3 LIVE: an object; switch u11_event_payload sends a string",
    "price": "7.5: a number; the invoices and unbilled-charges files say string, subscription says number",
    "item_total": "an amount of money has cents; integer in the file comes from its example",
    "unbilled-charges:customer_id": "11: array in the file",
    "PUT /customers/{customer_id} customer.default_templates": "11: object in one answer, array in another",
    "customfield_id": "11: ids are sometimes integers; ids are strings of digits",
    "invoices:custom_fields": "3.3 LIVE: objects with label and value; strings in the file",
    "is_active": "boolean in invoices.yml, string in the other files",
    "show_in_all_pdf": "as is_active",
    "show_on_pdf": "as is_active",
}
# field -> the reason why it may be missing
MISSING: dict[str, str] = {
    "account_id": "present when a bank account was charged, card_id when a card was",
    "autotransaction": "5.2: only what a gateway took has one; these were recorded by hand",
    "start_quantity": "unit and package pricing have no quantities in their brackets",
    "end_quantity": "as start_quantity; and the last bracket is open",
    "GET /hostedpages/{hostedpage_id} data.subscription": "4.5: data is empty while the page is fresh",
    "GET /hostedpages/{hostedpage_id} data.invoice": "4.5: data is empty while the page is fresh",
    "hosted-pages:custom_fields": "4.2 LIVE: the answer of create has none",
}


# the exceptions that an answer needed
USED: set[str] = set()


def unexplained(operation: Operation, answer: Any) -> list[str]:
    """Departures that no defect explains."""
    return [
        said
        for said, where in departures(operation.answer, answer, "")
        if not explained(operation, where, said)
    ]


def explained(operation: Operation, where: str, said: str) -> bool:
    """Whether a departure is a known defect."""
    name = where.rpartition(".")[2].removesuffix("[]")
    known = MISSING if said.endswith("missing") else TYPES
    used = {name, f"{operation.file}:{name}", f"{operation.name} {where}"} & set(known)
    USED.update(used)
    return bool(used)


def departures(schema: Schema, value: Any, where: str) -> list[tuple[str, str]]:
    """Every place where a value is not what a schema says."""
    kind = schema.get("type")
    if not fits(kind, value):
        return [(f"{where}: {value!r} is no {kind}", where)]
    if isinstance(value, dict):
        found = []
        for name, inner in schema.get("properties", {}).items():
            path = f"{where}.{name}" if where else name
            if name in value:
                found += departures(inner, value[name], path)
            else:
                found.append((f"{path}: missing", path))
        return found
    if isinstance(value, list) and value:
        return [each for one in value for each in departures(schema.get("items", {}), one, where + "[]")]
    return []


def fits(kind: str | None, value: Any) -> bool:
    """Whether a value has a JSON type; a schema without type allows all."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return {
        "string": isinstance(value, str),
        "number": number,
        "integer": number and value == int(value),
        "boolean": isinstance(value, bool),
        "array": isinstance(value, list),
        "object": isinstance(value, dict),
    }.get(str(kind), True)
