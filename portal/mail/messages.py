"""From a row of the outbox to a message: templates/mail/<message>/{subject.txt,body.txt,body.html}.

Text and HTML say the same. Links lead to the configured address only (RED-04); a name from Zoho is text
in the body and can end no header line (INP-05).
"""

from datetime import date
from decimal import Decimal
from email.message import EmailMessage
from email.utils import formataddr, parseaddr
from functools import cache
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, select_autoescape

from portal import clock
from portal.config import Settings
from portal.errors import PortalError

_FOLDER = Path(__file__).resolve().parents[2] / "templates" / "mail"


class Unwritable(PortalError):
    """The message lacks a fact, or its template is broken: trying again would not help."""


def render(settings: Settings, row: dict[str, Any]) -> EmailMessage:
    """Write the message of an outbox row. Raises :class:`Unwritable`."""
    try:
        return _written(settings, row)
    except (TemplateError, ValueError, KeyError) as problem:
        raise Unwritable(f"{type(problem).__name__}: {problem}") from problem


def _written(settings: Settings, row: dict[str, Any]) -> EmailMessage:
    facts = {
        **row["context"],
        "merchant_name": settings.merchant_name,
        "support_email": settings.support_email,
        "portal": settings.base_url,
    }
    texts = {
        part: _templates(str(_locale(row["locale"]))).get_template(f"{row['template']}/{part}").render(facts)
        for part in ("subject.txt", "body.txt", "body.html")
    }
    message = EmailMessage()
    message["Subject"] = _one_line(texts["subject.txt"])
    message["From"] = settings.mail_from
    message["To"] = _address(row["recipient"])
    message["Date"] = clock.now()
    # The same for every try of one mail: a mailbox that gets two can tell.
    message["Message-ID"] = f"<{row['id']}@{_host(settings)}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(texts["body.txt"].strip() + "\n")
    message.add_alternative(texts["body.html"], subtype="html")
    return message


@cache
def _templates(locale: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    known = Locale.parse(locale)
    environment.filters["money"] = lambda amount, currency: format_currency(
        Decimal(str(amount)), currency, locale=known
    )
    environment.filters["day"] = lambda text: format_date(date.fromisoformat(text), "full", locale=known)
    return environment


def _locale(name: str) -> Locale:
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")


def _address(recipient: str) -> str:
    name, address = parseaddr(_one_line(recipient))
    # Mail servers are told domains in their ASCII form, whichever was typed.
    local, _, domain = address.rpartition("@")
    address = f"{local}@{domain.encode('idna').decode()}"
    return formataddr((name, address)) if name else address


def _host(settings: Settings) -> str:
    return parseaddr(settings.mail_from)[1].rpartition("@")[2] or "localhost"


def _one_line(text: str) -> str:
    return " ".join(text.split())
