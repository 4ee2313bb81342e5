"""The forms of coming in: what they ask, and the words in which they refuse."""

import unicodedata

from wtforms import EmailField, Field, Form, HiddenField, PasswordField, StringField
from wtforms.validators import Email, InputRequired, Length, ValidationError

from portal.web.forms import BaseForm

SHORTEST_PASSWORD = 15
# Supabase hashes with bcrypt, which stops reading at 72 bytes: longer is refused, never silently cut.
LONGEST_PASSWORD_BYTES = 72
EMAIL_ERROR = "Enter an e-mail address in the form name@example.com"


def check_new_password(_: Form, field: Field) -> None:
    """Refuse what is too short or too long (AUT-01); no rules about kinds of characters."""
    given = field.data or ""
    if len(given) < SHORTEST_PASSWORD:
        raise ValidationError(f"Choose a password of at least {SHORTEST_PASSWORD} characters")
    if len(given.encode()) > LONGEST_PASSWORD_BYTES:
        raise ValidationError(f"Choose a shorter password: at most {LONGEST_PASSWORD_BYTES} bytes")


def check_plain_text(_: Form, field: Field) -> None:
    """Refuse control and direction-override characters in names (INP-02, INP-05)."""
    if any(
        unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in field.data or ""
    ):
        raise ValidationError("Use letters, digits, spaces and punctuation only")


class EmailForm(BaseForm):
    """Asks for an address, and where to go on afterwards."""

    email = EmailField(
        "E-mail address",
        validators=[InputRequired(EMAIL_ERROR), Length(max=254, message=EMAIL_ERROR), Email(EMAIL_ERROR)],
        render_kw={"autocomplete": "username", "spellcheck": "false"},
    )


class SignInForm(EmailForm):
    password = PasswordField(
        "Password",
        validators=[InputRequired("Enter your password"), Length(max=256, message="Enter your password")],
        render_kw={"autocomplete": "current-password"},
    )
    next = HiddenField()


class SignUpForm(EmailForm):
    name = StringField(
        "Your name",
        validators=[
            InputRequired("Enter your name"),
            Length(max=120, message="Enter a name of at most 120 characters"),
            check_plain_text,
        ],
        render_kw={"autocomplete": "name", "dir": "auto"},
    )
    password = PasswordField(
        "Password",
        validators=[InputRequired("Choose a password"), check_new_password],
        render_kw={"autocomplete": "new-password"},
    )


class PasswordForm(BaseForm):
    """Asks somebody who is signed in for the password once more."""

    password = PasswordField(
        "Password",
        validators=[InputRequired("Enter your password"), Length(max=256, message="Enter your password")],
        render_kw={"autocomplete": "current-password"},
    )
    next = HiddenField()


class NewPasswordForm(BaseForm):
    password = PasswordField(
        "New password",
        validators=[InputRequired("Choose a password"), check_new_password],
        render_kw={"autocomplete": "new-password"},
    )


class CodeForm(BaseForm):
    code = StringField(
        "Six-digit code",
        validators=[InputRequired("Enter the six digits that your app shows")],
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"},
    )

    def validate_code(self, field: Field) -> None:
        field.data = "".join((field.data or "").split())
        if not (len(field.data) == 6 and field.data.isascii() and field.data.isdigit()):  # noqa: PLR2004
            raise ValidationError("Enter the six digits that your app shows")
