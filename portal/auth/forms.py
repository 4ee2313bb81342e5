"""The forms of coming in."""

from wtforms import HiddenField

from portal.web import fields
from portal.web.forms import BaseForm


class EmailForm(BaseForm):
    email = fields.email_field()


class SignInForm(EmailForm):
    password = fields.password_field()
    next = HiddenField()


class SignUpForm(BaseForm):
    name = fields.name_field()
    email = fields.email_field()
    password = fields.new_password_field()


class PasswordForm(BaseForm):
    """Asks somebody who is signed in for the password once more."""

    password = fields.password_field()
    next = HiddenField()


class NewPasswordForm(BaseForm):
    password = fields.new_password_field("New password")


class CodeForm(BaseForm):
    code = fields.code_field()
