"""Fields that more than one room asks for, with the words in which they refuse.

Passwords: at least 15 characters, no rules about kinds of characters (AUT-01). Names: no control or
direction-override characters, which could forge mail headers or lines of text (INP-02, INP-05).
"""

import unicodedata
from typing import Any

from wtforms import EmailField, Field, Form, PasswordField, StringField
from wtforms.validators import DataRequired, Email, InputRequired, Length, ValidationError

SHORTEST_PASSWORD = 15
# Supabase hashes with bcrypt, which stops reading at 72 bytes: longer is refused, never silently cut.
LONGEST_PASSWORD_BYTES = 72
EMAIL_ERROR = "Enter an e-mail address in the form name@example.com"
CODE_ERROR = "Enter the six digits that your app shows"
CODE_LENGTH = 6
_UNPRINTABLE = ("Cc", "Cf", "Cs", "Zl", "Zp")


def check_new_password(_: Form, field: Field) -> None:
    given = field.data or ""
    if len(given) < SHORTEST_PASSWORD:
        raise ValidationError(f"Choose a password of at least {SHORTEST_PASSWORD} characters")
    if len(given.encode()) > LONGEST_PASSWORD_BYTES:
        raise ValidationError(f"Choose a shorter password: at most {LONGEST_PASSWORD_BYTES} bytes")


def check_plain_text(_: Form, field: Field) -> None:
    if any(unicodedata.category(character) in _UNPRINTABLE for character in field.data or ""):
        raise ValidationError("Use letters, digits, spaces and punctuation only")


def check_code(_: Form, field: Field) -> None:
    """Accept the code as apps show it, with or without a gap."""
    field.data = "".join((field.data or "").split())
    if not (len(field.data) == CODE_LENGTH and field.data.isascii() and field.data.isdigit()):
        raise ValidationError(CODE_ERROR)


def check_ascii(_: Form, field: Field) -> None:
    """Refuse look-alikes: logins have plain addresses, and a Kelvin sign in lower case is a k (AUT-08)."""
    if not (field.data or "").isascii():
        raise ValidationError(EMAIL_ERROR)


def email_field(label: str = "E-mail address", *, autocomplete: str = "username") -> Any:
    return EmailField(
        label,
        validators=[
            InputRequired(EMAIL_ERROR),
            Length(max=254, message=EMAIL_ERROR),
            check_ascii,
            Email(EMAIL_ERROR),
        ],
        render_kw={"autocomplete": autocomplete, "spellcheck": "false"},
    )


def name_field() -> Any:
    return StringField(
        "Your name",
        validators=[
            DataRequired("Enter your name"),
            Length(max=120, message="Enter a name of at most 120 characters"),
            check_plain_text,
        ],
        render_kw={"autocomplete": "name", "dir": "auto"},
    )


def password_field(label: str = "Password") -> Any:
    return PasswordField(
        label,
        validators=[InputRequired("Enter your password"), Length(max=256, message="Enter your password")],
        render_kw={"autocomplete": "current-password"},
    )


def new_password_field(label: str = "Password") -> Any:
    return PasswordField(
        label,
        validators=[InputRequired("Choose a password"), check_new_password],
        render_kw={"autocomplete": "new-password"},
    )


def code_field() -> Any:
    return StringField(
        "Six-digit code",
        validators=[InputRequired(CODE_ERROR), check_code],
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"},
    )
