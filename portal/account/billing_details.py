"""What stands on the account's invoices: name, address, tax number, and where they are mailed to."""

from typing import Any

from flask import Response, url_for
from werkzeug.wrappers import Response as AnyResponse
from wtforms import EmailField, StringField
from wtforms.validators import Email, InputRequired, Length, Optional

from portal.account.room import blueprint
from portal.billing import details
from portal.db import transaction
from portal.mirror import acting
from portal.sync import customers
from portal.web import guard
from portal.web.acting import ActForm, NotDone, carry_out, new_key, onward
from portal.web.current import current_services, signed_in_account, signed_in_session
from portal.web.pages import page

Row = dict[str, Any]


def _line(label: str, autocomplete: str, most: int = 100, **attributes: str) -> StringField:
    """A line that may stay empty; a browser that knows what it is for fills it in (WCAG 1.3.5)."""
    return StringField(
        label,
        validators=[Optional(), Length(max=most, message=f"Use at most {most} characters.")],
        render_kw={"autocomplete": f"billing {autocomplete}", "dir": "auto", **attributes},
    )


class BillingDetailsForm(ActForm):
    """Lengths are Zoho's, where it documents them."""

    company_name = _line("Company name", "organization", 200)
    email = EmailField(
        "E-mail address for invoices",
        validators=[
            InputRequired("Enter the address that invoices go to."),
            Email("Enter an address like name@example.com."),
            Length(max=100, message="Use at most 100 characters."),
        ],
        render_kw={"autocomplete": "billing email", "spellcheck": "false"},
    )
    attention = _line("Addressed to", "name")
    street = _line("Street", "address-line1", 255)
    street2 = _line("Second line", "address-line2", 255)
    city = _line("City", "address-level2")
    state = _line("State or province", "address-level1")
    zip = _line("Postal code", "postal-code", 50)
    country = _line("Country", "country-name")
    phone = _line("Phone", "tel", 50, type="tel")
    tax_number = StringField(
        "Tax number",
        validators=[Optional(), Length(max=50, message="Use at most 50 characters.")],
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )


@blueprint.get("/account/billing-details")
@guard.member("billing")
def show_billing_details() -> Response:
    row = _customer()
    if row["zoho_id"] is None:
        return page("account/no_billing_details.html", place="account")
    form = BillingDetailsForm(formdata=None, data=details.present(row, row["country"]))
    form.key.data = new_key()
    return page("account/billing_details.html", place="account", form=form, as_of=row["synced_at"])


@blueprint.post("/account/billing-details")
@guard.member("billing")
def update_billing_details() -> AnyResponse:
    row = _customer()
    form = BillingDetailsForm()
    if row["zoho_id"] is None:
        return page("account/no_billing_details.html", place="account")
    if not form.validate():
        return page("account/billing_details.html", place="account", form=form, as_of=row["synced_at"])
    wanted = {field.name: field.data or "" for field in form if field.name not in ("key", "csrf_token")}
    try:
        intent = carry_out(
            form,
            "update_customer",
            lambda: None,
            request={"fields": details.request(wanted, row, row["country"])},
            subject_kind="customer",
            subject_zoho_id=row["zoho_id"],
        )
    except NotDone as refusal:
        form.form_errors.append(refusal.message)
        form.key.data = new_key()
        return page("account/billing_details.html", place="account", form=form, as_of=row["synced_at"])
    customers.store_billing_email(current_services(), signed_in_account().id, wanted["email"])
    return onward(intent, "Your billing details are saved.", url_for("account.show"))


def _customer() -> Row:
    services, person = current_services(), signed_in_session().person
    with transaction.as_member(services.pool, person.user_id) as conn:
        return acting.find_customer(conn, signed_in_account().id)
