"""INV-1: what Zoho holds against what the portal holds, field by field, by a table of its own.

Nothing of the portal's own reading is used here: the names below are Zoho's (facts.md), the values are
brought to one form by what they look like, and beside the columns the whole stored answer must be equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulation.stage import Setting

Doc = dict[str, Any]

# What Zoho computes from today's date: it changes without anybody changing anything.
PASSING = {"trial_remaining_days"}
# Copies of other objects inside an answer. Zoho changes them without a word: neither the modification time
# nor the list row of the object around them moves. No page shows them; the objects themselves are compared.
COPIES = {
    "subscriptions": {"customer", "contactpersons", "card", "bank_account", "shipping_address"},
    "invoices": {
        "payments",
        "credits",
        "billing_address",
        "shipping_address",
        "customer_name",
        "email",
        "reference_id",
    },
    "payments": {"invoices", "customer_name", "email"},
    "credit_notes": {"invoices", "customer_name", "email", "billing_address", "shipping_address"},
}
MONEY, DAY, TEXT, FLAG, MOMENT, DIGITS = "money", "day", "text", "flag", "moment", "digits"


@dataclass(frozen=True)
class Pair:
    """One kind: Zoho's list, its key, our table, and which of our columns is which of Zoho's fields."""

    kind: str
    key: str
    table: str
    fields: dict[str, tuple[str, str]]
    where: str = "true"
    rows: dict[str, Callable[[Doc], Any]] = field(default_factory=dict)


def _same(kind: str, *names: str) -> dict[str, tuple[str, str]]:
    return {name: (name, kind) for name in names}


PAIRS = (
    Pair(
        "customers",
        "customer_id",
        "customers",
        _same(TEXT, "display_name", "company_name", "first_name", "last_name", "email", "phone", "status")
        | _same(TEXT, "currency_code")
        | {"outstanding": ("outstanding_receivable_amount", MONEY)}
        | {"unused_credits": ("unused_credits_receivable_amount", MONEY)}
        | {"zoho_updated_at": ("updated_time", MOMENT)},
    ),
    Pair(
        "subscriptions",
        "subscription_id",
        "subscriptions",
        _same(TEXT, "status", "name", "currency_code", "interval_unit", "reference_id")
        | _same(MONEY, "amount", "sub_total", "interval")
        | _same(FLAG, "auto_collect")
        | {
            "customer_zoho_id": ("customer.customer_id", TEXT),
            "number": ("subscription_number", TEXT),
            "plan_code": ("plan.plan_code", TEXT),
            "plan_name": ("plan.name", TEXT),
            "plan_price": ("plan.price", MONEY),
            "quantity": ("plan.quantity", MONEY),
            "coupon_code": ("coupon.coupon_code", TEXT),
            "created_on": ("created_at", DAY),
            "activated_on": ("activated_at", DAY),
            "current_term_starts_on": ("current_term_starts_at", DAY),
            "current_term_ends_on": ("current_term_ends_at", DAY),
            "next_billing_on": ("next_billing_at", DAY),
            "last_billing_on": ("last_billing_at", DAY),
            "cancelled_on": ("cancelled_at", DAY),
            "scheduled_cancellation_on": ("scheduled_cancellation_date", DAY),
            "trial_ends_on": ("trial_ends_at", DAY),
            "child_invoice_zoho_id": ("child_invoice_id", TEXT),
            "zoho_updated_at": ("updated_time", MOMENT),
        },
    ),
    Pair(
        "invoices",
        "invoice_id",
        "invoices",
        _same(TEXT, "customer_id", "status", "transaction_type", "currency_code")
        | _same(MONEY, "sub_total", "tax_total", "total", "balance", "payment_made", "credits_applied")
        | _same(MONEY, "write_off_amount")
        | _same(DAY, "invoice_date", "due_date")
        | _same(FLAG, "ach_payment_initiated")
        | {"number": ("invoice_number", TEXT), "zoho_updated_at": ("updated_time", MOMENT)},
    ),
    Pair(
        "payments",
        "payment_id",
        "payments",
        _same(TEXT, "status", "currency_code", "reference_number")
        | _same(MONEY, "amount", "amount_refunded")
        | {
            "customer_zoho_id": ("customer_id", TEXT),
            "number": ("payment_number", TEXT),
            "mode": ("payment_mode", TEXT),
            "paid_on": ("date", DAY),
            "last_four": ("autotransaction.last_four_digits", DIGITS),
            "gateway_error_code": ("autotransaction.gateway_error_code", TEXT),
            "zoho_updated_at": ("updated_time", MOMENT),
        },
    ),
    Pair(
        "credit_notes",
        "creditnote_id",
        "credit_notes",
        _same(TEXT, "status", "currency_code")
        | _same(MONEY, "total", "balance")
        | {"number": ("creditnote_number", TEXT), "issued_on": ("date", DAY)}
        | {"customer_zoho_id": ("customer_id", TEXT), "zoho_updated_at": ("updated_time", MOMENT)},
    ),
    Pair("products", "product_id", "products", _same(TEXT, "name", "description", "status")),
    Pair(
        "plans",
        "plan_id",
        "plans",
        _same(TEXT, "name", "status", "interval_unit")
        | _same(MONEY, "interval", "setup_fee")
        | {"code": ("plan_code", TEXT), "price": ("recurring_price", MONEY)}
        | {"trial_days": ("trial_period", MONEY)},
    ),
    Pair(
        "addons",
        "addon_id",
        "addons",
        _same(TEXT, "name", "status", "type") | {"code": ("addon_code", TEXT)},
    ),
    Pair(
        "coupons",
        "coupon_id",
        "coupons",
        _same(TEXT, "name", "status", "discount_by")
        | _same(MONEY, "discount_value", "redemption_count", "max_redemption")
        | {"code": ("coupon_code", TEXT), "expires_on": ("expiry_at", DAY)},
    ),
    # Only the cards of customers with a login are mirrored.
    Pair(
        "cards",
        "card_id",
        "payment_methods",
        _same(TEXT, "status") | _same(MONEY, "expiry_month", "expiry_year")
        | {"last_four": ("last_four_digits", DIGITS), "customer_zoho_id": ("customer_id", TEXT)},
        where="kind = 'card'",
    ),
)  # fmt: skip


def differences(setting: Setting) -> list[str]:
    """Name every field in which the mirror is not what Zoho is."""
    linked = {
        row["zoho_customer_id"] for row in setting.rows("select zoho_customer_id from billing.accounts")
    }
    found: list[str] = []
    for pair in PAIRS:
        there = {doc[pair.key]: doc for doc in state(setting, pair.kind)}
        if pair.kind == "cards":
            there = {key: doc for key, doc in there.items() if doc["customer_id"] in linked}
        rows = setting.rows(f"select * from billing.{pair.table} where gone_at is null and {pair.where}")
        here = {row["zoho_id"]: row for row in rows}
        if pair.kind == "cards":
            here = {key: row for key, row in here.items() if row["customer_zoho_id"] in linked}
        found += [f"{pair.kind} {key}: missing here" for key in there.keys() - here.keys()]
        found += [f"{pair.kind} {key}: missing there" for key in here.keys() - there.keys()]
        if pair.kind == "subscriptions":
            found += _charged(there, here, linked)
        for key in sorted(there.keys() & here.keys()):
            found += [f"{pair.kind} {key}: {text}" for text in _fields(pair, here[key], there[key])]
    return found


def _charged(there: dict[str, Doc], here: dict[str, Doc], linked: set[str]) -> Iterator[str]:
    """What a subscription is charged to, for customers with a login: theirs are read together."""
    for key in there.keys() & here.keys():
        card = _at(there[key], "card.card_id") or _at(there[key], "bank_account.account_id") or ""
        ours = here[key]["payment_method_zoho_id"] or ""
        if ours != card and here[key]["customer_zoho_id"] in linked:
            yield f"subscriptions {key}: charged to {ours!r} here and {card!r} there"


def state(setting: Setting, kind: str) -> list[Doc]:
    """All that Zoho remembers of a kind."""
    found: list[Doc] = []
    with setting.zoho.test_client() as control:
        for page in range(1, 1000):
            answer = control.get(f"/_control/state?kind={kind}&page={page}&per_page=1000").get_json()
            found += answer[kind]
            if not answer["page_context"]["has_more_page"]:
                break
    return found


def _fields(pair: Pair, row: Doc, doc: Doc) -> Iterator[str]:
    for column, (path, kind) in pair.fields.items():
        name = "customer_zoho_id" if column == "customer_id" else column
        ours, theirs = _plain(row[name], kind), _plain(_at(doc, path), kind)
        if ours != theirs:
            yield f"{name} is {ours!r} here and {theirs!r} there"
    raw = row["raw"]
    # A list shows less of a card than the card itself; everything else is stored whole.
    names = raw.keys() & doc.keys() if pair.kind == "cards" else raw.keys() | doc.keys()
    wrong = sorted(
        f"{name} ({raw.get(name)} | {doc.get(name)})"
        for name in names - PASSING - COPIES.get(pair.kind, set())
        if _one_form(raw.get(name)) != _one_form(doc.get(name))
    )
    if wrong:
        yield f"the stored answer differs in {', '.join(wrong)}"


def _one_form(value: Any) -> Any:
    """The value with its numbers in one form: Zoho writes the same amount as number and as text."""
    if isinstance(value, dict):
        return {name: _one_form(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_one_form(inner) for inner in value]
    if isinstance(value, bool) or value is None:
        return value
    try:
        return Decimal(str(value)).normalize() + 0
    except InvalidOperation:
        return value


def _at(doc: Doc, path: str) -> Any:
    value: Any = doc
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _plain(value: Any, kind: str) -> Any:
    """Bring a column's value and a JSON value to one form."""
    if value in (None, ""):
        return Decimal(0) if kind == MONEY else None if kind != FLAG else False
    if kind == MONEY:
        return Decimal(str(value)).normalize() + 0
    if kind == DAY:
        return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])
    if kind == FLAG:
        return value in (True, "true")
    if kind == DIGITS:  # as a number it loses its leading zeros (facts.md U13); here they are always four
        return str(value) if isinstance(value, str) else f"{value:04d}"
    if kind == MOMENT:
        return (value if isinstance(value, datetime) else datetime.fromisoformat(str(value))).astimezone(UTC)
    return str(value)
