"""Acting as Zoho's staff, or as the bank: each act a form of its own."""

from __future__ import annotations

import re

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from sandbox.console.shell import back
from sandbox.control import acting
from sandbox.control.asking import Refusal
from sandbox.engine import acts
from sandbox.world import current

blueprint = Blueprint("console_acts", __name__, url_prefix="/console")

# what acts ask for, by the words of their manuals
FIELDS = (
    ("customer_id", "Customer id"),
    ("into", "Into the customer id"),
    ("subscription_id", "Subscription id"),
    ("invoice_id", "Invoice id"),
    ("payment_id", "Payment id"),
    ("unbilled_charge_id", "Unbilled charge id"),
    ("card_id", "Card id"),
    ("account_id", "Bank account id"),
    ("plan_code", "Plan code"),
    ("addon_code", "Addon code"),
    ("quantity", "Quantity"),
    ("price", "Price"),
    ("amount", "Amount"),
    ("description", "Description"),
    ("reason", "Reason of the decline"),
    ("due_date", "Due date, like 2027-01-31"),
    ("on", "On the day, like 2027-01-31"),
    ("at_end", "At the end of the term: true or false"),
    ("end_of_term", "Change at the end of the term: true or false"),
    ("force", "With everything billed: true or false"),
    ("display_name", "Name"),
    ("email", "Mail"),
)


@blueprint.get("/acts")
def show() -> ResponseReturnValue:
    """Every act; the one that was chosen shows its form."""
    kind = request.args.get("kind", "")
    chosen = kind if kind in acts.ACTS else ""
    return render_template("console/acts.html", acts=acts.ACTS, kind=chosen, fields=asked_by(chosen))


def asked_by(kind: str) -> list[tuple[str, str]]:
    """The fields that an act's manual names before its colon, with their words."""
    act = acts.ACTS.get(kind)
    named = set(re.findall(r"[a-z_]+", (act.__doc__ or "").partition(": ")[0].lower())) if act else set()
    return [(name, words) for name, words in FIELDS if name in named]


@blueprint.post("/acts")
def perform() -> Response:
    """Do the act, then return to the page it was asked on."""
    asked = {key: value for key, value in request.form.items() if value and key != "from"}
    origin = request.form.get("from", "")
    origin = origin if origin.startswith("/console/") else "/console/acts"
    try:
        acting.perform(current(), asked)
    except Refusal as refusal:
        return back(origin, wrong=f"Not done. {refusal}")
    return back(origin, "Done.")
