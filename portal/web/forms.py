"""The base of every form. Request forgery is checked before any view runs (portal/web/csrf.py)."""

from typing import Any

from flask import request
from flask_wtf import FlaskForm
from wtforms import EmailField, Field, Form, StringField, TextAreaField
from wtforms.validators import ValidationError

from portal import card_numbers
from portal.errors import Refused

# Fields in which somebody types what they like. Choices are checked against their list.
_FREE = (EmailField, StringField, TextAreaField)


class BaseForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """A form whose fields trim what was typed and refuse a value given twice (INP-01)."""

    class Meta:
        csrf = False

        def bind_field(self, form: "BaseForm", unbound_field: Any, options: dict[str, Any]) -> Any:
            """Trim typed text, but never a password; take no card number (PCI-01)."""
            if "Password" not in unbound_field.field_class.__name__:
                given = list(unbound_field.kwargs.get("filters", ()))
                unbound_field.kwargs["filters"] = [_trimmed, *(one for one in given if one is not _trimmed)]
            if unbound_field.field_class in _FREE:
                given = list(unbound_field.kwargs.get("validators", ()))
                unbound_field.kwargs["validators"] = [
                    *(one for one in given if one is not _check_no_card),
                    _check_no_card,
                ]
            return unbound_field.bind(form=form, **options)


def query(name: str, *, limit: int = 200) -> str:
    """Return the one value of ``name`` in this request's address; given twice or too long it is refused."""
    given = request.args.getlist(name)
    if len(given) > 1 or len(given[0] if given else "") > limit:
        raise Refused(f"The address gives “{name}” in a way we cannot read. Start again from the list.")
    return given[0].strip() if given else ""


def _check_no_card(_: Form, field: Field) -> None:
    text = field.data or ""
    if "phone" not in field.name and card_numbers.mask(text) != text:
        raise ValidationError("This looks like a card number. Type it on the payment page only.")


def _trimmed(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value
