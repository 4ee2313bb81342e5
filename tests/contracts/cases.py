"""What must exist before an operation can succeed, and which fields must name it.

`...` for a field means: leave it out.  The specs mark alternatives (customer or customer_id, card_id or
account_id) as all required; each case takes the one that it can serve.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.contracts.company import Company
from tests.contracts.spec import Operation

Fields = dict[str, Any]
SERIAL = count(1)
# ids of things that the sandbox does not have; the real API would refuse unknown ones, so none are sent
NOT_KEPT: Fields = {
    "tax_exemption_id": ...,
    "tax_id": ...,
    "setup_fee_tax_id": ...,
    "tags": ...,
    "template_id": ...,
    "salesperson_id": ...,
    "project_id": ...,
    "expense_id": ...,
    "time_entry_ids": ...,
    "customfield_id": ...,
    "invoiced_estimate_id": ...,
    "account_id": ...,
    "payment_gateways": ...,
    "ignore_auto_number_generation": ...,
}


@dataclass
class Ready:
    """An operation made ready: values for its path, its query and its named fields."""

    path: Fields = field(default_factory=dict)
    fields: Fields = field(default_factory=dict)
    query: Fields = field(default_factory=dict)


def ready(company: Company, operation: Operation) -> Ready:
    """Make what the operation needs."""
    made = CASES.get(operation.name, _by_path)(company, operation)
    made.fields = NOT_KEPT | made.fields
    return made


def _by_path(company: Company, operation: Operation) -> Ready:
    """Most operations need only what their path names."""
    made = Ready()
    for name, make in PATHS.items():
        if "{" + name + "}" in operation.path:
            made.path |= make(company)
    if operation.name in NEWLY_NAMED:
        made.fields |= _unused_code(operation.name)
    made.fields |= FIELDS.get(operation.name, lambda _company, _made: {})(company, made)
    return made


def product(company: Company) -> Fields:
    """A product without plans."""
    return {"product_id": company.post("/products", {"name": f"P {next(SERIAL)}"})["product"]["product_id"]}


def _workspace(company: Company) -> str:
    return str(company.get("/products")["products"][0]["product_id"])


def _unused_code(name: str) -> Fields:
    kind = name.split("/")[1][:-1]
    return {f"{kind}_code": f"new {kind}/{next(SERIAL)}"}


def plan(company: Company) -> Fields:
    """A plan that nobody bought, with a code that needs quoting."""
    code = f"plan {next(SERIAL)}/ä"
    body = {"plan_code": code, "name": code, "recurring_price": 10, "interval": 1, "interval_unit": "months"}
    company.post("/plans", body | {"product_id": _workspace(company)})
    return {"plan_code": code}


def addon(company: Company) -> Fields:
    """An addon that nobody bought."""
    code = f"addon {next(SERIAL)}/ä"
    body = {"addon_code": code, "name": code, "unit_name": "seat", "price_brackets": [{"price": 3}]}
    company.post("/addons", body | {"product_id": _workspace(company)})
    return {"addon_code": code}


def coupon(company: Company) -> Fields:
    """A coupon that nobody redeemed."""
    code = f"coupon {next(SERIAL)}/ä"
    body = {"coupon_code": code, "name": code, "type": "one_time", "discount_by": "flat", "discount_value": 1}
    company.post("/coupons", body | {"product_id": _workspace(company)})
    return {"coupon_code": code}


def subscription(company: Company) -> Fields:
    """A live subscription with a card, an addon, a coupon and a note."""
    addons = [{"addon_code": "seat-m", "quantity": 2}]
    sub = company.subscribe(addons=addons, coupon_code="FOREVER10", reference_id=f"ref-{next(SERIAL)}")
    id_ = sub["subscription_id"]
    note = company.post(f"/subscriptions/{id_}/notes", {"description": "hello"})["note"]["note_id"]
    return {"subscription_id": id_, "note_id": note, "plan_or_addon_code": "team-m"}


def customer(company: Company) -> Fields:
    """A customer without transactions, with a card, a bank account and two people."""
    id_ = company.customer()
    people = company.post(f"/customers/{id_}/contactpersons", {"email": "second@example.com"})
    return {
        "customer_id": id_,
        "contactperson_id": people["contact_person"]["contactperson_id"],
        "card_id": company.card(id_),
        "account_id": company.bank_account(id_),
    }


def invoice(company: Company) -> Fields:
    """An open invoice of two lines."""
    id_ = company.customer()
    items = [{"name": "Work", "price": 40, "quantity": 2}, {"code": "team-m", "quantity": 1}]
    made = company.post("/invoices", {"customer_id": id_, "invoice_items": items})["invoice"]
    return {
        "invoice_id": made["invoice_id"],
        "item_id": made["invoice_items"][0]["item_id"],
        "_customer": id_,
    }


def payment(company: Company) -> Fields:
    """A gateway payment."""
    company.subscribe()
    rows = company.get("/payments", sort_order="D")["payments"]
    return {"payment_id": rows[0]["payment_id"], "_customer": rows[0]["customer_id"]}


def credit_note(company: Company) -> Fields:
    """An open credit note."""
    id_ = company.customer()
    items = [{"code": "team-m", "quantity": 1, "price": 30}]
    made = company.post("/creditnotes", {"customer_id": id_, "creditnote_items": items})["credit_note"]
    return {"creditnote_id": made["creditnote_id"], "_customer": id_}


def unbilled(company: Company) -> Fields:
    """A parked charge."""
    sub = company.subscribe()
    body = {"amount": 12, "description": "later", "add_to_unbilled_charges": True}
    made = company.post(f"/subscriptions/{sub['subscription_id']}/charge", body)
    return {"unbilled_charge_id": made["unbilled_charge"]["unbilled_charge_id"]}


def event(company: Company) -> Fields:
    """An event."""
    company.subscribe()
    return {"event_id": company.get("/events")["events"][0]["event_id"]}


def hosted_page(company: Company) -> Fields:
    """A page to update a card."""
    sub = company.subscribe()
    made = company.post("/hostedpages/updatecard", {"subscription_id": sub["subscription_id"]})
    return {"hostedpage_id": made["hostedpage"]["hostedpage_id"]}


def refund(company: Company) -> Fields:
    """A refund from a credit note."""
    id_ = credit_note(company)["creditnote_id"]
    return {"refund_id": company.post(f"/creditnotes/{id_}/refunds", {"amount": 5})["refund"]["refund_id"]}


PATHS: dict[str, Callable[[Company], Fields]] = {
    "product_id": product,
    "plan_code": plan,
    "addon_code": addon,
    "coupon_code": coupon,
    "subscription_id": subscription,
    "customer_id": customer,
    "invoice_id": invoice,
    "payment_id": payment,
    "creditnote_id": credit_note,
    "unbilled_charge_id": unbilled,
    "event_id": event,
    "hostedpage_id": hosted_page,
    "refund_id": refund,
}
NEWLY_NAMED = (
    "POST /plans",
    "POST /addons",
    "POST /coupons",
    "PUT /plans/{plan_code}",
    "PUT /addons/{addon_code}",
)


def _sold(company: Company, _made: Ready) -> Fields:
    return {
        "product_id": _workspace(company),
        "plans": [{"plan_code": "team-m"}],
        "addons": [{"addon_code": "seat-m"}],
    }


def _bought(company: Company, _made: Ready) -> Fields:
    customer_id = company.customer()
    return _wanted() | {"customer_id": customer_id, "card_id": company.card(customer_id), "customer": ...}


def _wanted() -> Fields:
    return {"plan_code": "team-m", "addon_code": "seat-m", "coupon_code": "FOREVER10", "contactpersons": ...}


def _changed(company: Company, made: Ready) -> Fields:
    sub = company.subscription(made.path["subscription_id"])
    return _wanted() | {"customer_id": sub["customer_id"], "card_id": sub["card"]["card_id"], "customer": ...}


def _addon_bought(_company: Company, _made: Ready) -> Fields:
    return {"addon_code": "onboarding", "coupon_code": "FOREVER10"} | AT_ONCE


def _own_person(company: Company, made: Ready) -> Fields:
    sub = company.subscription(made.path["subscription_id"])
    return {"contactperson_id": sub["contactpersons"][0]["contactperson_id"]}


def _own_card(company: Company, made: Ready) -> Fields:
    return {"card_id": company.subscription(made.path["subscription_id"])["card"]["card_id"]}


def _billed(company: Company, made: Ready) -> Fields:
    customer_id = made.path.get("_customer") or company.customer()
    return {
        "customer_id": customer_id,
        "product_id": _workspace(company),
        "code": "team-m",
        "contact_persons": ...,
        # always: the exception that their answer needs must not depend on what is drawn
        "custom_fields": [{"label": "Desk", "value": "4"}],
    }


def _paid(company: Company, made: Ready) -> Fields:
    customer_id = made.path.get("_customer") or company.customer()
    return {"customer_id": customer_id, "invoices": [], "amount": 52.92 if made.path else 20}


def _collected(company: Company, made: Ready) -> Fields:
    customer_id = made.path["_customer"]
    return {"card_id": company.card(customer_id), "account_id": company.bank_account(customer_id)}


def _credited(company: Company, made: Ready) -> Fields:
    customer_id = made.path["_customer"]
    items = [{"code": "team-m", "quantity": 1, "price": 9}]
    note = company.post("/creditnotes", {"customer_id": customer_id, "creditnote_items": items})[
        "credit_note"
    ]
    return {
        "creditnote_id": note["creditnote_id"],
        "apply_creditnotes": [{"creditnote_id": note["creditnote_id"], "amount_applied": 4}],
    }


def _applied(company: Company, made: Ready) -> Fields:
    body = {
        "customer_id": made.path["_customer"],
        "invoice_items": [{"name": "Work", "price": 20, "quantity": 1}],
    }
    made_invoice = company.post("/invoices", body)["invoice"]
    return {"invoices": [{"invoice_id": made_invoice["invoice_id"], "amount_applied": 4}]}


def _hosted(company: Company, _made: Ready) -> Fields:
    sub = company.subscribe()
    invoice_body = {
        "customer_id": sub["customer_id"],
        "invoice_items": [{"name": "Work", "price": 20, "quantity": 1}],
    }
    made_invoice = company.post("/invoices", invoice_body)["invoice"]
    return _wanted() | {
        "customer_id": sub["customer_id"],
        "customer": ...,
        "subscription_id": sub["subscription_id"],
        "invoice_id": made_invoice["invoice_id"],
        "card_id": sub["card"]["card_id"],
        "paypal_id": ...,
        "redirect_url": "https://portal.example.com/back",
    }


# what the answer is when the charge is parked stands nowhere; parked charges have tests of their own
AT_ONCE: Fields = {"add_to_unbilled_charges": False}
FIELDS: dict[str, Callable[[Company, Ready], Fields]] = {
    "POST /plans": _sold,
    "POST /addons": _sold,
    "PUT /addons/{addon_code}": _sold,
    "POST /coupons": _sold,
    "PUT /plans/{plan_code}": _sold,
    "POST /subscriptions": _bought,
    "PUT /subscriptions/{subscription_id}": _changed,
    "POST /subscriptions/{subscription_id}/contactpersons": _own_person,
    "POST /subscriptions/{subscription_id}/card": _own_card,
    "POST /subscriptions/{subscription_id}/buyonetimeaddon": _addon_bought,
    "POST /subscriptions/{subscription_id}/charge": lambda _c, _m: {"amount": 12.5} | AT_ONCE,
    "PUT /invoice/{invoice_id}/customfields": lambda _c, _m: {"customfield_id": 7},
    "POST /invoices": _billed,
    "PUT /invoices/{invoice_id}": _billed,
    "POST /invoices/{invoice_id}/lineitems": _billed,
    "POST /invoices/{invoice_id}/collect": _collected,
    "POST /invoices/{invoice_id}/credits": _credited,
    "POST /creditnotes": _billed,
    "POST /creditnotes/{creditnote_id}/invoices": _applied,
    "POST /creditnotes/{creditnote_id}/refunds": lambda _c, _m: {"amount": 7},
    "POST /payments/{payment_id}/refunds": lambda _c, _m: {"amount": 7},
    "POST /payments": _paid,
    "PUT /payments/{payment_id}": _paid,
    **{
        f"POST /hostedpages/{kind}": _hosted
        for kind in (
            "newsubscription", "updatesubscription", "updatecard", "buyonetimeaddon", "addpaymentmethod",
            "invoicepayment", "updatepaymentmethod",
        )
    },
}  # fmt: skip


def _reactivated(company: Company, _operation: Operation) -> Ready:
    made = Ready(path=subscription(company))
    company.post(f"/subscriptions/{made.path['subscription_id']}/cancel", cancel_at_end="true")
    return made


def _scheduled(company: Company, _operation: Operation) -> Ready:
    made = Ready(path=subscription(company))
    body = {"plan": {"plan_code": "scale-m"}, "addons": [{"addon_code": "seat-m"}], "end_of_term": True}
    company.put(f"/subscriptions/{made.path['subscription_id']}", body)
    return made


def _voided(company: Company, _operation: Operation) -> Ready:
    made = Ready(path=invoice(company))
    company.post(f"/invoices/{made.path['invoice_id']}/void")
    return made


def _written_off(company: Company, _operation: Operation) -> Ready:
    made = Ready(path=invoice(company))
    company.post(f"/invoices/{made.path['invoice_id']}/writeoff", {"reason": "gone"})
    return made


def _voided_note(company: Company, _operation: Operation) -> Ready:
    made = Ready(path=credit_note(company))
    company.post(f"/creditnotes/{made.path['creditnote_id']}/void")
    return made


def _linked(company: Company, _operation: Operation) -> Ready:
    company.customer(zcrm_account_id="4400000012")
    return Ready(path={"reference_id": "4400000012"}, query={"reference_id_type": "zcrm_account_id"})


def _coupon_taken(company: Company, _operation: Operation) -> Ready:
    return Ready(path=subscription(company) | {"coupon_code": "WELCOME20"})


def _one_attachment(company: Company, operation: Operation) -> Ready:
    return Ready(path=invoice(company))


CASES: dict[str, Callable[[Company, Operation], Ready]] = {
    "POST /subscriptions/{subscription_id}/reactivate": _reactivated,
    "GET /subscriptions/{subscription_id}/scheduledchanges": _scheduled,
    "POST /invoices/{invoice_id}/converttoopen": _voided,
    "POST /invoices/{invoice_id}/cancelwriteoff": _written_off,
    "POST /creditnotes/{creditnote_id}/converttoopen": _voided_note,
    "GET /customers/reference/{reference_id}": _linked,
    "POST /subscriptions/{subscription_id}/coupons/{coupon_code}": _coupon_taken,
    "POST /invoices/{invoice_id}/attachment": _one_attachment,
    "DELETE /customers/{customer_id}": lambda company, _operation: Ready(
        path={"customer_id": company.customer()}
    ),
}
