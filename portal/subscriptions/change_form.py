"""The form of a plan change: the choice, and when it takes effect."""

from decimal import Decimal
from typing import Any

from wtforms import RadioField
from wtforms.fields import SelectChoice
from wtforms.validators import InputRequired

from portal.billing.catalogue import Addon, Plan
from portal.web.choosing import ChoiceForm, choice_form


class ChangeForm(ChoiceForm):
    """A choice with its time."""

    when = RadioField(
        "When should it change?",
        choices=[SelectChoice("now", "Now"), SelectChoice("end", "At the end of the paid term")],
        default="now",
        validators=[InputRequired("Select when it should change.")],
    )


def change_form(row: dict[str, Any], plan: Plan, addons: list[Addon], data: Any = None) -> ChangeForm:
    """Build the form for a change to ``plan``, filled with what the subscription has now."""
    # What was bought once is not bought again with each change.
    running = [addon for addon in row["addons"] if addon["type"] != "one_time"]
    present = {addon["code"]: int(Decimal(addon["quantity"])) for addon in running}
    form = choice_form(ChangeForm, plan, addons, data, present=present)
    if data is None:
        form.quantity.data = int(row["quantity"])
    return form
