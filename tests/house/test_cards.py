"""The portal has no place for card data: no field, no column, no frame (PCI-01 to PCI-05)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from wtforms import EmailField, StringField, TextAreaField

from portal.web.forms import BaseForm

if TYPE_CHECKING:
    from flask import Flask

CHECKOUT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((CHECKOUT / "templates").rglob("*.html"))
# Names of what nobody here may hold; `last_four` and `expiry_month` are what Zoho returns (PCI-05).
CARD_DATA = re.compile(
    r"card_?num|\bpan\b|cvv|cvc|security_code|account_number|routing|iban|magstripe|track_data|pin_block",
    re.IGNORECASE,
)
NUMBER = "4111 1111 1111 1111"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_no_template_asks_for_card_data_or_frames_somebody_elses_page(path: Path) -> None:
    """PCI-01, PCI-02; PCI-03: staff's pages are among them."""
    text = path.read_text()
    fields = " ".join(re.findall(r"<(?:input|select|textarea)\b[^>]*>", text))
    assert not CARD_DATA.search(fields), fields
    assert "cc-" not in re.sub(r"\s", "", " ".join(re.findall(r'autocomplete="([^"]*)"', text)))
    assert not re.search(r"<(?:iframe|frame|object|embed)\b", text)
    sources = re.findall(r'<script[^>]*\bsrc="([^"]*)"', text)
    assert all(source.startswith("{{") for source in sources), sources


def test_no_column_can_hold_more_of_a_card_than_zoho_returns(conn: Any) -> None:
    """PCI-01, PCI-05: brand, last four digits, expiry."""
    rows = conn.execute(
        "select table_name, column_name from information_schema.columns where table_schema = 'billing'"
    ).fetchall()
    names = [f"{row['table_name']}.{row['column_name']}" for row in rows]
    assert not [name for name in names if CARD_DATA.search(name)]
    methods = {row["column_name"] for row in rows if row["table_name"] == "payment_methods"}
    assert {"last_four", "brand", "expiry_month", "expiry_year"} <= methods


def forms() -> list[type[BaseForm]]:
    found, waiting = [], [BaseForm]
    while waiting:
        form = waiting.pop()
        waiting += form.__subclasses__()
        found.append(form)
    return [form for form in found if form.__module__.startswith("portal.")]


def test_no_form_takes_a_card_number(app: Flask) -> None:
    """PCI-01: whatever somebody may type freely, in every form that there is."""
    asked = 0
    for kind in forms():
        with app.test_request_context("/", method="POST"):
            form = kind(formdata=None)
            for field in form:
                if type(field) not in (StringField, EmailField, TextAreaField) or "phone" in field.name:
                    continue
                field.data, field.raw_data = NUMBER, [NUMBER]
                assert not field.validate(form), f"{kind.__name__}.{field.name}"
                asked += 1
    assert asked >= 12
