"""The forms of the account room."""

from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from markupsafe import Markup
from wtforms import RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length
from wtforms.widgets import Select

from portal.web import fields
from portal.web.acting import ActForm
from portal.web.forms import BaseForm

ROLES = [
    ("viewer", "Viewer: sees everything, changes nothing"),
    ("billing", "Billing: buys, changes, cancels and pays"),
    ("owner", "Owner: billing, and decides who belongs to the account"),
]
LOCALES = [
    ("en", "As my browser says"),
    ("en-US", "United States: $1,234.50, November 29, 2026"),
    ("en-GB", "United Kingdom: £1,234.50, 29 November 2026"),
    ("de-DE", "Germany: 1.234,50 €"),
    ("fr-FR", "France: 1 234,50 €"),
    ("es-ES", "Spain: 1.234,50 €"),
    ("it-IT", "Italy: 1.234,50 €"),
    ("nl-NL", "Netherlands: € 1.234,50"),
    ("sv-SE", "Sweden: 1 234,50 kr"),
    ("pt-BR", "Brazil: R$ 1.234,50"),
    ("hi-IN", "India: ₹1,23,456.50"),
    ("ja-JP", "Japan: ￥1,234"),
]


def _choices(pairs: list[tuple[str, str]]) -> list[SelectChoice]:
    return [SelectChoice(value, label) for value, label in pairs]


@lru_cache(maxsize=1)
def time_zones() -> list[tuple[str, str]]:
    """Return the zones that places have; names without a place are for machines."""
    places = sorted(
        zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "posix"))
    )
    return [("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in places)]


class RememberedSelect(Select):  # type: ignore[misc]  # WTForms has no types
    """Draws choices that never change, up to six hundred, once for each answer and not once a page."""

    _MOST = 64

    def __init__(self) -> None:
        super().__init__()
        self._drawn: dict[tuple[Any, ...], Markup] = {}

    def __call__(self, field: SelectField, **attributes: Any) -> Markup:
        key = (field.name, field.data, *sorted(attributes.items()))
        if key not in self._drawn:
            if len(self._drawn) >= self._MOST:
                self._drawn.clear()
            self._drawn[key] = super().__call__(field, **attributes)
        return self._drawn[key]


class ProfileForm(BaseForm):
    name = fields.name_field()
    locale = SelectField("Numbers and dates", choices=_choices(LOCALES), widget=RememberedSelect())
    time_zone = SelectField("Time zone", choices=lambda: _choices(time_zones()), widget=RememberedSelect())


class PasswordChangeForm(BaseForm):
    present = fields.password_field("Present password")
    password = fields.new_password_field("New password")


class EmailChangeForm(ActForm):
    email = fields.email_field("New e-mail address", autocomplete="email")


class AppForm(BaseForm):
    """What the person calls an authenticator app, to tell it from others."""

    name = StringField(
        "What do you call it? (optional)",
        validators=[Length(max=40, message="Use at most 40 characters"), fields.check_plain_text],
        render_kw={"autocomplete": "off", "dir": "auto"},
    )


class CodeForm(BaseForm):
    code = fields.code_field()


class InvitationForm(ActForm):
    email = fields.email_field(autocomplete="off")
    role = RadioField("Role", choices=_choices(ROLES), validators=[InputRequired("Choose a role")])


class RoleForm(BaseForm):
    role = RadioField("Role", choices=_choices(ROLES), validators=[InputRequired("Choose a role")])
