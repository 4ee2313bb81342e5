"""Mails say what happened and nothing else: part payments, credits, write-offs, unknown statuses."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from portal.billing import change, statuses
from portal.db import transaction
from portal.mail import dunning, outbox
from portal.mail.outbox import Mail
from tests.harness.worlds import Row, World

if TYPE_CHECKING:
    from portal.db.transaction import Pool


@pytest.fixture
def world(conn: Any) -> World:
    made = World(conn)
    made.organization()
    return made


def follow(pool: Pool, kind: str, before: Row | None, after: Row) -> None:
    with transaction.as_worker(pool) as conn:
        dunning.follow(conn, change.between(kind, before, after))


def told_of_failure(pool: Pool, invoice: Row) -> None:
    mail = Mail("payment_failed", f"invoice:{invoice['zoho_id']}", "failure:1", "ada@example.com", {})
    with transaction.as_worker(pool) as conn:
        outbox.enqueue(conn, mail)


def written(conn: Any) -> list[str]:
    rows = conn.execute("select template from billing.outbox where cause <> 'failure:1' order by template")
    return [row["template"] for row in rows]


@pytest.mark.parametrize("is_counted", [True, False])
def test_a_part_payment_is_a_receipt_and_no_all_clear(
    world: World, pool: Pool, conn: Any, is_counted: bool
) -> None:
    """Whether our copy of the invoice counts the payment already or not."""
    ada = world.member()
    made = {"payment_made": 9, "balance": 40, "raw": {"payments": [{"payment_id": "P1"}]}}
    invoice = world.invoice(ada, total=49, **(made if is_counted else {}))
    told_of_failure(pool, invoice)

    follow(pool, "payment", None, world.payment(ada, invoice, zoho_id="P1", amount=9, paid_on=world.day))

    assert written(conn) == ["receipt"]


def test_the_payment_of_all_that_was_left_is_thanked_for_once(world: World, pool: Pool, conn: Any) -> None:
    """The payment is read first, its invoice after it."""
    ada = world.member()
    invoice = world.invoice(ada, total=49)
    told_of_failure(pool, invoice)

    follow(pool, "payment", None, world.payment(ada, invoice, paid_on=world.day))
    paid = invoice | {"balance": invoice["balance"] * 0, "payment_made": invoice["total"], "status": "paid"}
    follow(pool, "invoice", invoice, paid)

    assert written(conn) == ["payment_recovered"]


def test_money_that_went_to_no_invoice_settles_none(world: World, pool: Pool, conn: Any) -> None:
    ada = world.member()
    invoice = world.invoice(ada, total=49)
    told_of_failure(pool, invoice)

    follow(pool, "payment", None, world.payment(ada, invoice, applied=[], paid_on=world.day))

    (mail,) = conn.execute("select * from billing.outbox where cause <> 'failure:1'").fetchall()
    assert (mail["template"], mail["context"]["invoice_number"]) == ("receipt", "")


@pytest.mark.parametrize("settled_by", ["write_off_amount", "credits_applied"])
def test_nobody_is_thanked_for_a_payment_that_nobody_made(
    world: World, pool: Pool, conn: Any, settled_by: str
) -> None:
    invoice = world.invoice(world.member(), total=49)
    told_of_failure(pool, invoice)

    follow(pool, "invoice", invoice, invoice | {"balance": invoice["balance"] * 0, settled_by: 49})

    assert written(conn) == []
    assert conn.execute("select state from billing.outbox").fetchone()["state"] == "stopped"


def test_a_failure_that_was_told_is_not_told_again_by_the_invoice_inv_3(
    world: World, pool: Pool, conn: Any
) -> None:
    """Zoho charges in batches: the payment may be dated a day after its invoice."""
    ada = world.member()
    invoice = world.invoice(ada, invoice_date=world.day - timedelta(days=1))
    declined = world.payment(
        ada, invoice, status="failure", applied=[], reference_number=invoice["number"], paid_on=world.day
    )
    follow(pool, "payment", None, declined)
    before = world.subscription(ada, child_invoice_zoho_id=invoice["zoho_id"])
    follow(pool, "subscription", before, before | {"status": "dunning"})

    assert written(conn) == ["payment_failed"]


def test_a_declined_payment_that_names_nothing_blames_no_invoice_by_guess(
    world: World, pool: Pool, conn: Any
) -> None:
    ada = world.member()
    invoice, _ = world.invoice(ada), world.invoice(ada)
    unnamed = world.payment(ada, invoice, status="failure", applied=[], paid_on=world.day)
    follow(pool, "payment", None, unnamed)
    assert written(conn) == []


def test_a_payment_of_unknown_status_is_no_payment_yet(world: World, pool: Pool, conn: Any) -> None:
    ada = world.member()
    pending = world.payment(ada, world.invoice(ada), status="pending_settlement", paid_on=world.day)
    follow(pool, "payment", None, pending)
    assert written(conn) == []
    assert statuses.payment_word("pending_settlement") == ("Pending settlement", "plain")

    follow(pool, "payment", pending, pending | {"status": "success"})
    assert written(conn) == ["receipt"]


def test_a_mail_outlives_a_mail_server_that_is_away_for_a_weekend(pool: Pool, conn: Any) -> None:
    """CONV-05: not sent is not failed."""
    with transaction.as_worker(pool) as tx:
        outbox.enqueue(tx, Mail("receipt", "payment:1", "received", "ada@example.com", {}))
    waited = timedelta(0)
    while waited < timedelta(days=2):
        due = conn.execute("update billing.outbox set not_before = now() returning not_before").fetchone()
        with transaction.as_worker(pool) as tx:
            row = outbox.claim(tx)
            assert row is not None
            outbox.mark_not_sent(tx, row, "no server", permanent=False)
        after = conn.execute("select state, not_before from billing.outbox").fetchone()
        assert after["state"] == "pending"
        waited += after["not_before"] - due["not_before"]
