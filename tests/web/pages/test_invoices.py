"""Invoices: the list with its sums, one of them, the CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from uuid import uuid4

import pytest
from psycopg import sql

from portal.invoices.csv_export import safe
from portal.invoices.pdf import file_name
from tests.harness.worlds import CANARY, Member, World
from tests.visitor import Page, Visitor

SignIn = Callable[[Member], Visitor]


def numbers(page: Page) -> list[str]:
    return [link.get_text(strip=True) for link in page.soup.select("tbody th a")]


def test_the_totals_equal_the_list(world: World, as_member: SignIn) -> None:
    member = world.member()
    for n in range(30):
        world.invoice(member, total=f"{n}.10", balance=0 if n else "0.10", invoice_date=world.in_days(-n))
    world.invoice(member, total=7, status="void", balance=0)
    world.invoice(member, total=500, currency_code="JPY", status="paid", balance=0)

    page = as_member(member).get("/invoices")

    expected = sum(Decimal(f"{n}.10") for n in range(30))
    assert page.shows(
        f"${expected} on 31 invoices (1 void, not counted in the sum), of which $0.10 is to pay."
    )
    assert page.shows("¥500 on 1 invoice.")


@pytest.mark.parametrize("order", ["newest", "oldest", "due", "amount"])
def test_paging_forth_and_back_loses_and_repeats_nothing(world: World, as_member: SignIn, order: str) -> None:
    member = world.member()
    for n in range(61):  # many ties, and some without any date
        day = world.in_days(-(n // 4)) if n % 7 else None
        world.invoice(member, number=f"N{n:03}", total=n // 5, invoice_date=day, due_date=day, lines=())
    visitor = as_member(member)

    page = visitor.get(f"/invoices?sort={order}")
    forth = [numbers(page)]
    while following := page.soup.find("a", rel="next"):
        page = visitor.get(str(following["href"]))
        forth.append(numbers(page))
    back = [numbers(page)]
    while before := page.soup.find("a", rel="prev"):
        page = visitor.get(str(before["href"]))
        back.insert(0, numbers(page))

    assert sorted(number for part in forth for number in part) == [f"N{n:03}" for n in range(61)]
    assert back == forth
    assert [len(part) for part in forth] == [25, 25, 11]


def test_filters_search_and_year_narrow_the_list(world: World, as_member: SignIn) -> None:
    member = world.member()
    world.invoice(member, number="OPEN-1", due_date=world.in_days(9))
    world.invoice(member, number="LATE-1", due_date=world.in_days(-9))
    world.invoice(member, number="PAID-1", balance=0, status="paid")
    world.invoice(member, number="VOID-1", balance=0, status="void")
    world.invoice(
        member, number="OLD-1", balance=0, status="paid", invoice_date=world.day.replace(year=2020, day=1)
    )
    line = {"name": "Onboarding 100%", "price": 1, "item_total": 1}
    world.invoice(member, (line,), number="LINE-1", balance=0, status="paid")
    visitor = as_member(member)

    def listed(query: str) -> set[str]:
        return set(numbers(visitor.get(f"/invoices?{query}")))

    assert listed("status=open") == {"OPEN-1", "LATE-1"}
    assert listed("status=overdue") == {"LATE-1"}
    assert listed("status=void") == {"VOID-1"}
    assert listed("status=paid") == {"PAID-1", "OLD-1", "LINE-1"}
    assert listed("year=2020") == {"OLD-1"}
    assert listed("q=late") == {"LATE-1"}
    assert listed("q=100%25") == {"LINE-1"}
    assert listed("q=_") == set()
    assert listed("status=paid&q=zzz") == set()
    assert visitor.get("/invoices?q=zzz").shows("No invoice matches.")


@pytest.mark.parametrize(
    "query",
    ["status=nonsense", "sort=;drop", "year=99999", "year=-1", "status=open&status=paid", f"q={'x' * 101}"],
)
def test_nonsense_in_the_address_is_refused(world: World, as_member: SignIn, query: str) -> None:
    """INP-01"""
    assert as_member(world.member()).get(f"/invoices?{query}", status=422).shows("Start again from the list")


def test_unknown_parameters_are_ignored(world: World, as_member: SignIn) -> None:
    """INP-01"""
    as_member(world.member()).get("/invoices?utm_source=mail&fbclid=1")


def test_htmx_gets_the_results_only_and_the_whole_page_has_the_same(world: World, as_member: SignIn) -> None:
    """HX-06, FIL-02: one address, two bodies, both guarded and told apart by Vary."""
    member = world.member()
    world.invoice(member, number="INV-1")
    visitor = as_member(member)

    whole = visitor.get("/invoices?status=open")
    part = visitor.raw("GET", "/invoices?status=open", headers={"HX-Request": "true"})
    restored = visitor.raw(
        "GET", "/invoices", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"}
    )

    assert "HX-Request" in part.headers["Vary"]
    assert "HX-Request" in whole.response.headers["Vary"]
    assert part.text.lstrip().startswith('<div id="results"')
    assert "INV-1" in part.text
    assert part.headers["X-Stamp"] in part.headers["Content-Security-Policy"]
    assert "<html" in restored.text


@pytest.mark.parametrize(
    ("columns", "heading"),
    [
        ({"balance": 0, "status": "paid"}, "Invoice INV-7 is paid"),
        ({"balance": 49}, "You owe $49.00 on INV-7"),
        ({"balance": 9}, "You owe $9.00 on INV-7"),
        ({"status": "void"}, "Invoice INV-7 is void"),
        ({"ach_payment_initiated": True}, "A bank payment for INV-7 is under way"),
        ({"balance": 0, "write_off_amount": 49}, "Invoice INV-7"),
        ({"status": "draft"}, "Invoice INV-7"),
    ],
)
def test_one_invoice_says_how_it_stands(
    world: World, as_member: SignIn, columns: dict[str, object], heading: str
) -> None:
    member = world.member()
    row = world.invoice(member, number="INV-7", **columns)

    assert as_member(member).get(f"/invoices/{row['id']}").heading == heading


def test_lines_taxes_credits_and_payments_are_listed(world: World, as_member: SignIn) -> None:
    member = world.member()
    lines = (
        {"name": "Team", "price": 49, "item_total": 49},
        {"name": "Calls", "price": "0.0025", "quantity": 6000, "item_total": 15},
    )
    row = world.invoice(
        member,
        lines,
        sub_total=64,
        tax_total="5.28",
        total="69.28",
        balance=0,
        raw={"taxes": [{"tax_name": "Sales tax (8.25%)", "tax_amount": 5.28}]},
    )
    world.payment(member, row, amount="59.28", amount_refunded=3)
    world.payment(member, row, amount="1.00", status="failure", gateway_error_code="8")
    world.credit_note(member, row, total=10, number="CN-1")

    page = as_member(member).get(f"/invoices/{row['id']}")

    assert page.shows("Calls $0.0025 6,000 $15.00")
    assert page.shows("Subtotal $64.00 Sales tax (8.25%) $5.28 Total $69.28")
    assert page.shows("Charged automatically, ending 4242")
    assert page.shows("$3.00 of this payment was paid back.")
    assert page.shows("It failed because the card has expired.")
    assert page.shows("Credit note CN-1")


def test_an_invoice_says_whom_it_was_written_to(world: World, as_member: SignIn) -> None:
    """As Zoho wrote it, whichever name it gives the code, and nothing where it wrote nothing."""
    member = world.member()
    address = {"street": "1 Main Street", "city": "Boston", "state": "MA", "zipcode": "02101", "fax": ""}
    raw = {"customer_name": "Ada <Lovelace>", "billing_address": address}
    row, bare = world.invoice(member, raw=raw), world.invoice(member)
    visitor = as_member(member)

    assert visitor.get(f"/invoices/{row['id']}").shows(
        "Billed to Ada <Lovelace> 1 Main Street Boston, MA 02101"
    )
    assert not visitor.get(f"/invoices/{bare['id']}").shows("Billed to")


def test_an_invoice_whose_lines_are_not_read_yet_says_so(world: World, as_member: SignIn) -> None:
    member = world.member()
    row = world.invoice(member, (), is_complete=False, sub_total=None, tax_total=None)

    page = as_member(member).get(f"/invoices/{row['id']}")

    assert page.shows("have not read its lines yet")
    assert page.shows("Total $49.00")


def test_a_foreign_invoice_is_as_missing_as_none_in_every_form(world: World, as_member: SignIn) -> None:
    """AC-01, FIL-03: page, PDF and a made-up file name all answer 404."""
    member, other = world.member(), world.member("else@example.com")
    row, own = world.invoice(other), world.invoice(member)
    visitor = as_member(member)

    for ending in ("", "/pdf"):
        visitor.get(f"/invoices/{row['id']}{ending}", status=404)
        visitor.get(f"/invoices/{uuid4()}{ending}", status=404)
    for path in (f"/invoices/{own['id']}/x.css", f"/invoices/{own['id']}.css", "/invoices/1/x.css"):
        visitor.get(path, status=404)


def test_the_csv_has_every_match_and_no_formula(world: World, as_member: SignIn) -> None:
    """INP-04"""
    member = world.member()
    for n in range(40):
        world.invoice(member, number=f"INV-{n}", balance=0, lines=())
    world.invoice(member, number="=HYPERLINK(1)", balance=0, lines=())
    world.invoice(member, number='-1"x,\r\ny', total="-5.5", balance=0, lines=())

    response = as_member(member).raw("GET", "/invoices/csv")

    rows = list(csv.reader(io.StringIO(response.text.removeprefix("\ufeff"), newline="")))
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == "attachment; filename=invoices.csv"
    assert len(rows) == 43
    assert {"'=HYPERLINK(1)", "'-1\"x,\r\ny"} <= {row[0] for row in rows}
    assert "-5.50" in {row[4] for row in rows}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_begins_a_formula(start: str) -> None:
    """INP-04"""
    assert safe(f"{start}1+1") == f"'{start}1+1"
    assert safe(f"\0{start}1") == f"'{start}1"


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("INV-000012", "invoice-INV-000012.pdf"),
        ("../../etc/passwd", "invoice-etc-passwd.pdf"),
        ('x"\r\nSet-Cookie: a=b', "invoice-x-Set-Cookie-a-b.pdf"),
        ("\u202egnp.exe", "invoice-gnp.exe.pdf"),
        ("", "invoice.pdf"),
        (CANARY, "invoice-img-src-x-onerror-alert-1-7-7-hx-get-gnp.exe.pdf"),
    ],
)
def test_the_name_of_a_pdf_is_harmless(number: str, name: str) -> None:
    """FIL-01, INP-02"""
    assert file_name(number) == name


def test_a_filter_reads_the_account_by_its_index(world: World) -> None:
    """The list of one account never walks the table."""
    member = world.member()
    world.invoice(member)
    world.conn.execute("set enable_seqscan = off")
    plan = world.conn.execute(
        sql.SQL(
            "explain select id from billing.invoices where account_id = {} and gone_at is null"
            " order by invoice_date desc, id desc limit 26"
        ).format(member.account_id)
    ).fetchall()
    assert any("invoices_account_idx" in row["QUERY PLAN"] for row in plan)
