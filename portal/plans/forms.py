"""The form of a purchase: quantity, addons, coupon. Prices are never taken from it (AC-03, AC-08)."""

from typing import Any

from wtforms import HiddenField, IntegerField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from portal.billing.catalogue import MAX_QUANTITY, Addon, Choice, Plan
from portal.web.forms import BaseForm

ADDON_PREFIX = "addon:"


class PurchaseForm(BaseForm):
    """What to buy of one plan; :func:`purchase_form` adds a quantity field for each addon that fits."""

    plan = HiddenField()
    stamp = HiddenField()
    quantity = IntegerField(
        "Quantity",
        default=1,
        validators=[
            InputRequired("Enter how many you need."),
            NumberRange(1, MAX_QUANTITY, f"Enter a number between 1 and {MAX_QUANTITY}."),
        ],
    )
    coupon = StringField(
        "Coupon code",
        filters=[lambda text: (text or "").strip()],
        validators=[Optional(), Length(max=100, message="A coupon code has at most 100 characters.")],
    )

    def choice(self) -> Choice:
        """Return what was chosen; call only on a valid form."""
        addons = sorted(
            (field.name.removeprefix(ADDON_PREFIX), field.data)
            for field in self.addon_fields()
            if field.data and field.data > 0
        )
        return Choice(self.plan.data or "", self.quantity.data or 1, tuple(addons), self.coupon.data or "")

    def addon_fields(self) -> list[Any]:
        """List the quantity fields of the addons."""
        return [field for field in self if field.name.startswith(ADDON_PREFIX)]


def purchase_form(plan: Plan, addons: list[Addon], data: Any = None) -> PurchaseForm:
    """Build the form for ``plan`` from ``data`` (a request's values), or with its defaults."""
    fields = {
        f"{ADDON_PREFIX}{addon.code}": IntegerField(
            addon.name,
            default=0,
            validators=[
                Optional(),
                NumberRange(
                    0, MAX_QUANTITY, f"Enter a number between 0 and {MAX_QUANTITY} for {addon.name}."
                ),
            ],
        )
        for addon in addons
    }
    form_class = type("PurchaseFormOfPlan", (PurchaseForm,), fields)
    form: PurchaseForm = form_class(formdata=data)
    form.plan.data = plan.code
    return form
