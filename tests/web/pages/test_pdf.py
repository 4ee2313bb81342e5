"""An invoice as PDF comes from Zoho, through our checks (FIL-01)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.harness.processes import Sandbox
from tests.harness.worlds import Member, World
from tests.visitor import Visitor

SignIn = Callable[[Member], Visitor]


@pytest.fixture
def invoice_zoho_id(sandbox: Sandbox) -> str:
    """An invoice that Zoho knows."""
    found = sandbox.state("invoices")
    assert found
    return str(found[0]["invoice_id"])


def test_it_is_a_download_that_no_browser_runs(world: World, as_member: SignIn, invoice_zoho_id: str) -> None:
    """FIL-01"""
    member = world.member()
    row = world.invoice(member, zoho_id=invoice_zoho_id, number='INV"7/\u202e')

    response = as_member(member).raw("GET", f"/invoices/{row['id']}/pdf")

    assert response.status_code == 200
    assert response.data.startswith(b"%PDF-")
    assert response.headers["Content-Type"] == "application/pdf"
    assert response.headers["Content-Disposition"] == (
        "attachment; filename=\"invoice-INV-7.pdf\"; filename*=UTF-8''invoice-INV-7.pdf"
    )
    assert response.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "Content-Encoding" not in response.headers


def test_one_that_zoho_forgot_is_not_found(world: World, as_member: SignIn, sandbox: Sandbox) -> None:
    member = world.member()
    row = world.invoice(member, zoho_id="999999999")

    page = as_member(member).get(f"/invoices/{row['id']}/pdf", status=404)

    assert page.heading == "Page not found"


def test_zoho_in_trouble_is_a_page_and_not_half_a_file(
    world: World, as_member: SignIn, sandbox: Sandbox, invoice_zoho_id: str
) -> None:
    member = world.member()
    row = world.invoice(member, zoho_id=invoice_zoho_id)
    sandbox.control("faults", {"api": {"500": 1.0}})

    page = as_member(member).get(f"/invoices/{row['id']}/pdf", status=503)

    assert page.response.mimetype == "text/html"
    assert "Content-Disposition" not in page.response.headers
    assert page.response.headers["Retry-After"]
