"""The form of a choice: how many of a plan, which addons, a coupon. Buying and changing share it.

Prices are never taken from a form (AC-03, AC-08); ``stamp`` only says which ones the person saw.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from flask import redirect, request, url_for
from werkzeug.wrappers import Response
from wtforms import HiddenField, IntegerField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from portal.billing.catalogue import MAX_QUANTITY, Addon, Choice, Plan
from portal.web.acting import ActForm

ADDON_PREFIX = "addon:"
_UNSEEN = frozenset({"csrf_token", "key", "stamp", "do", "instead_of"})


class ChoiceForm(ActForm):
    """What to have of one plan; :func:`choice_form` adds a quantity field for each addon that fits."""

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
        validators=[Optional(), Length(max=100, message="A coupon code has at most 100 characters.")],
    )

    def choice(self) -> Choice:
        """Return what was chosen; call only on a valid form. The full list of addons, always (U9)."""
        addons = sorted(
            (field.name.removeprefix(ADDON_PREFIX), field.data)
            for field in self.addon_fields()
            if field.data and field.data > 0
        )
        return Choice(self.plan.data or "", self.quantity.data or 1, tuple(addons), self.coupon.data or "")

    def __iter__(self) -> Iterator[Any]:
        """List the fields as the page shows them: addons stand between the quantity and the coupon."""
        return iter(sorted(super().__iter__(), key=_place))

    def addon_fields(self) -> list[Any]:
        """List the quantity fields of the addons."""
        return [field for field in self if field.name.startswith(ADDON_PREFIX)]


def _place(field: Any) -> int:
    if field.name.startswith(ADDON_PREFIX):
        return 1
    return 2 if field.name in ("coupon", "payment", "when") else 0


def asks_for_amounts() -> bool:
    """Tell whether "Update amounts" was pressed without JavaScript.

    It sends the form like every button, so that the token never stands in an address (CSRF-05).
    """
    return request.form.get("do") == "update"


def shown_again(endpoint: str, **where: Any) -> Response:
    """Go to the page that shows the choice of this form, without its token, key and stamp."""
    kept: dict[str, Any] = {name: value for name, value in request.form.items() if name not in _UNSEEN}
    return redirect(url_for(endpoint, **where, **kept), 303)


FormKind = TypeVar("FormKind", bound=ChoiceForm)


def choice_form(
    kind: type[FormKind],
    plan: Plan,
    addons: list[Addon],
    data: Any = None,
    *,
    present: Mapping[str, int] | None = None,
) -> FormKind:
    """Build the form for ``plan`` from ``data`` (a request's values), or with the quantities ``present``."""
    fields = {
        f"{ADDON_PREFIX}{addon.code}": _field(addon, (present or {}).get(addon.code, 0)) for addon in addons
    }
    form: FormKind = type(f"{kind.__name__}OfPlan", (kind,), fields)(formdata=data)
    form.plan.data = plan.code
    return form


def _field(addon: Addon, present: int) -> IntegerField:
    most = NumberRange(0, MAX_QUANTITY, f"Enter a number between 0 and {MAX_QUANTITY} for {addon.name}.")
    return IntegerField(addon.name, default=present, validators=[Optional(), most])
