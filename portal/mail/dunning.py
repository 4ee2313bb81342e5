"""Which mail follows from which fact of Zoho's, and when a mail is no longer true.

Everything here starts from what a re-read object said (principle 2), so a webhook that was lost, doubled
or late changes nothing: the same facts give the same mail, once. Old facts give none, or the first import
of a company would write to all its customers about last year.
"""

from calendar import monthrange
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from portal import clock
from portal.billing.change import Change
from portal.db.transaction import Conn
from portal.mail import outbox
from portal.mail.outbox import Mail
from portal.mirror import organization

Row = dict[str, Any]

RECENT = timedelta(days=3)
# Zoho tries three more times at most (facts.md 6.4) and does not say how often it was told to.
FINAL_FROM = 3
FAILURES = ["payment_failed", "final_notice"]
TRIAL_NOTICE_DAYS = 3
CARD_NOTICE_DAYS = 15
# Zoho's own notices: nothing about the object changed, its date has come near.
NOTICES = frozenset({"trial_expiring", "card_expiring", "card_expired"})

_ACCOUNT = """
select a.id, a.name, a.billing_email,
  coalesce((select u.locale from billing.members m join billing.users u on u.id = m.user_id
            where m.account_id = a.id and m.role = 'owner' order by m.created_at limit 1), 'en') as locale
from billing.accounts a where a.id = %(id)s and a.closed_at is null
"""
_INVOICE = "select * from billing.invoices where zoho_id = %(zoho_id)s"
_INVOICE_BY_NUMBER = """
select * from billing.invoices
where customer_zoho_id = %(customer)s and gone_at is null and balance > 0
  and (number = %(number)s
       or 1 = (select count(*) from billing.invoices
               where customer_zoho_id = %(customer)s and gone_at is null and balance > 0))
order by (number = %(number)s) desc, invoice_date desc nulls last limit 1
"""
_FAILED_RENEWAL = """
select 1 from billing.subscriptions
where status = 'dunning' and gone_at is null and child_invoice_zoho_id = %(zoho_id)s
"""
_SUBSCRIPTION = "select * from billing.subscriptions where zoho_id = %(zoho_id)s"
_METHOD = "select * from billing.payment_methods where zoho_id = %(zoho_id)s"
_TRIALS = """
select * from billing.subscriptions
where status = 'trial' and gone_at is null and account_id is not null
  and trial_ends_on between %(today)s and %(until)s
  and (%(customer)s = '' or customer_zoho_id = %(customer)s)
"""
_CARDS = """
select * from billing.payment_methods
where kind = 'card' and gone_at is null and account_id is not null
  and expiry_year is not null and expiry_month between 1 and 12
  and make_date(expiry_year, expiry_month, 1) + interval '1 month' - interval '1 day'
      between %(from)s and %(until)s
  and (%(customer)s = '' or customer_zoho_id = %(customer)s)
"""


def follow(conn: Conn, changes: Sequence[Change]) -> None:
    """Put the mails that follow from ``changes`` in the outbox, in the transaction that stored them."""
    for one in changes:
        write = _FOLLOW.get(one.what)
        if write is not None and one.row["account_id"] is not None:
            write(conn, dict(one.row))


def follow_calendar(conn: Conn, *, today: date | None = None, customer: str = "") -> int:
    """Put the mails in the outbox that follow from a date: trials that end, cards that expire.

    Once a day for all; and for one customer on the day of Zoho's own notice (``today``).
    """
    today = today or organization.today(conn)
    names = {"today": today, "until": today + timedelta(days=TRIAL_NOTICE_DAYS), "customer": customer}
    written = 0
    for row in conn.execute(_TRIALS, names).fetchall():
        facts = _subscription_facts(row) | {"ends_on": str(row["trial_ends_on"])}
        written += _write(
            conn, row, "trial_ending", _of("subscription", row), str(row["trial_ends_on"]), facts
        )
    names |= {"from": today - RECENT, "until": today + timedelta(days=CARD_NOTICE_DAYS)}
    for row in conn.execute(_CARDS, names).fetchall():
        month = f"{row['expiry_year']}-{row['expiry_month']:02}"
        template = "card_expired" if month < today.strftime("%Y-%m") else "card_expiring"
        written += _write(conn, row, template, _of("payment_method", row), month, _card_facts(row))
    return written


def why_not(conn: Conn, mail: Row) -> str:
    """Return why a mail that waited is not true any more, or "" when it still is."""
    kind, _, zoho_id = mail["entity"].partition(":")
    check = _STILL_TRUE.get(mail["template"])
    return check(conn, zoho_id, mail) if check and kind else ""


def _declined(conn: Conn, payment: Row) -> None:
    invoice = _invoice_of(conn, payment)
    if invoice is not None and _is_recent(payment["paid_on"]):
        reason = payment["gateway_error_message"]
        _failed(conn, invoice, str(payment["paid_on"] or ""), reason, payment["last_four"])


def _in_dunning(conn: Conn, subscription: Row) -> None:
    """The subscription says that a charge failed; the declined payment may never be announced."""
    invoice = conn.execute(_INVOICE, {"zoho_id": subscription["child_invoice_zoho_id"]}).fetchone()
    if invoice is not None and _is_recent(invoice["invoice_date"]):
        _failed_unannounced(conn, invoice)


def _billed(conn: Conn, invoice: Row) -> None:
    """The invoice of a renewal that failed, seen after its subscription: that one could not tell yet."""
    is_failed = conn.execute(_FAILED_RENEWAL, {"zoho_id": invoice["zoho_id"]}).fetchone() is not None
    if is_failed and _is_recent(invoice["invoice_date"]):
        _failed_unannounced(conn, invoice)


def _failed_unannounced(conn: Conn, invoice: Row) -> None:
    """The first charge failed; a payment that tells so, perhaps dated a day later, has told it already."""
    if not outbox.list_of(conn, _of("invoice", invoice), FAILURES):
        _failed(conn, invoice, str(invoice["invoice_date"] or ""), "", "")


def _failed(conn: Conn, invoice: Row, day: str, reason: str, last_four: str) -> None:
    if invoice["balance"] <= 0 or invoice["ach_payment_initiated"] or invoice["status"] == "void":
        return
    entity = _of("invoice", invoice)
    earlier = {row["cause"] for row in outbox.list_of(conn, entity, FAILURES)}
    cause = f"failure:{day}"
    if cause in earlier:
        return
    template = "final_notice" if len(earlier) + 1 >= FINAL_FROM else "payment_failed"
    facts = _invoice_facts(invoice) | {"reason": reason, "last_four": last_four}
    _write(conn, invoice, template, entity, cause, facts)


def _received(conn: Conn, payment: Row) -> None:
    if not _is_recent(payment["paid_on"]) or payment["amount"] <= 0:
        return
    invoice = _applied_to(conn, payment)
    if invoice is not None and outbox.list_of(conn, _of("invoice", invoice), FAILURES):
        if invoice["balance"] <= 0:
            _recovered(conn, invoice)
        if _left_after(invoice, payment) <= 0:  # else the thanks come when the invoice is read
            return
    facts = {
        "amount": _text(payment["amount"]),
        "currency": payment["currency_code"] or (invoice["currency_code"] if invoice else ""),
        "paid_on": str(payment["paid_on"]),
        "last_four": payment["last_four"],
        "invoice_number": invoice["number"] if invoice else "",
        "path": f"/invoices/{invoice['id']}" if invoice else "/invoices",
    }
    if facts["currency"]:
        _write(conn, payment, "receipt", _of("payment", payment), "received", facts)


def _settled(conn: Conn, invoice: Row) -> None:
    outbox.stop(conn, _of("invoice", invoice), FAILURES, "settled meanwhile")
    if not invoice["payment_made"] and (invoice["write_off_amount"] or invoice["credits_applied"]):
        return  # nobody paid: it was written off, or a credit note covers it
    if outbox.list_of(conn, _of("invoice", invoice), FAILURES):
        _recovered(conn, invoice)


def _recovered(conn: Conn, invoice: Row) -> None:
    _write(conn, invoice, "payment_recovered", _of("invoice", invoice), "paid", _invoice_facts(invoice))


def _unpaid(conn: Conn, row: Row) -> None:
    _about(conn, row, "subscription_unpaid", str(row["current_term_ends_on"] or ""))


def _cancelled(conn: Conn, row: Row) -> None:
    if _is_recent(row["cancelled_on"]):
        _about(conn, row, "subscription_cancelled", str(row["cancelled_on"] or ""))


def _ending(conn: Conn, row: Row) -> None:
    ends_on = row["scheduled_cancellation_on"] or row["current_term_ends_on"]
    if ends_on is not None:
        _about(conn, row, "cancellation_scheduled", str(ends_on), ends_on=str(ends_on))


def _about(conn: Conn, row: Row, template: str, cause: str, **more: str) -> None:
    facts = _subscription_facts(row) | {"after_failures": row["status"] != "cancelled"} | more
    _write(conn, row, template, _of("subscription", row), cause, facts)


_FOLLOW: dict[str, Callable[[Conn, Row], None]] = {
    "payment:declined": _declined,
    "payment:received": _received,
    "invoice:created": _billed,
    "invoice:settled": _settled,
    "subscription:dunning": _in_dunning,
    "subscription:unpaid": _unpaid,
    "subscription:cancelled": _cancelled,
    "subscription:cancelled_from_dunning": _cancelled,
    "subscription:non_renewing": _ending,
}


def _invoice_is_open(conn: Conn, zoho_id: str, _mail: Row) -> str:
    row = conn.execute(_INVOICE, {"zoho_id": zoho_id}).fetchone()
    if row is None or row["gone_at"] is not None or row["status"] == "void":
        return "the invoice is gone"
    if row["balance"] <= 0:
        return "paid meanwhile"
    return "a bank payment is under way" if row["ach_payment_initiated"] else ""


def _trial_goes_on(conn: Conn, zoho_id: str, mail: Row) -> str:
    row = conn.execute(_SUBSCRIPTION, {"zoho_id": zoho_id}).fetchone()
    same = row is not None and row["status"] == "trial" and str(row["trial_ends_on"]) == mail["cause"]
    return "" if same else "the trial changed meanwhile"


def _card_is_the_same(conn: Conn, zoho_id: str, mail: Row) -> str:
    row = conn.execute(_METHOD, {"zoho_id": zoho_id}).fetchone()
    if row is None or row["gone_at"] is not None:
        return "the card was removed"
    month = f"{row['expiry_year']}-{row['expiry_month']:02}"
    return "" if month == mail["cause"] else "the card was updated"


_STILL_TRUE: dict[str, Callable[[Conn, str, Row], str]] = {
    "payment_failed": _invoice_is_open,
    "final_notice": _invoice_is_open,
    "trial_ending": _trial_goes_on,
    "card_expiring": _card_is_the_same,
    "card_expired": _card_is_the_same,
}


def _write(conn: Conn, row: Row, template: str, entity: str, cause: str, facts: Row) -> bool:
    account = conn.execute(_ACCOUNT, {"id": row["account_id"]}).fetchone()
    if account is None or not account["billing_email"]:
        return False
    mail = Mail(
        template,
        entity,
        cause,
        account["billing_email"],
        {**facts, "account_name": account["name"]},
        account["id"],
        account["locale"],
    )
    return outbox.enqueue(conn, mail)


def _invoice_of(conn: Conn, payment: Row) -> Row | None:
    """Find what a declined payment was for: its invoice, else the one it names, else the only open one."""
    found = _applied_to(conn, payment)
    if found is not None:
        return found
    names = {"customer": payment["customer_zoho_id"], "number": payment["reference_number"]}
    return conn.execute(_INVOICE_BY_NUMBER, names).fetchone()


def _left_after(invoice: Row, payment: Row) -> Decimal:
    """Return what is left to pay after ``payment``; our copy of the invoice may be older than it."""
    counted = {one.get("payment_id") for one in invoice["raw"].get("payments") or []}
    if payment["zoho_id"] in counted:
        return Decimal(invoice["balance"])
    shares = [part for part in payment["applied"] if part["invoice_zoho_id"] == invoice["zoho_id"]]
    return Decimal(invoice["balance"]) - sum((Decimal(part["amount"]) for part in shares), Decimal(0))


def _applied_to(conn: Conn, payment: Row) -> Row | None:
    """Find the invoice that a payment went to; None for one that waits as a credit."""
    for part in payment["applied"]:
        found = conn.execute(_INVOICE, {"zoho_id": part["invoice_zoho_id"]}).fetchone()
        if found is not None:
            return found
    return None


def _invoice_facts(invoice: Row) -> Row:
    owed = invoice["balance"] if invoice["balance"] > 0 else invoice["total"]
    return {
        "amount": _text(owed),
        "currency": invoice["currency_code"] or "USD",
        "invoice_number": invoice["number"],
        "path": f"/invoices/{invoice['id']}",
    }


def _subscription_facts(row: Row) -> Row:
    return {
        "plan_name": row["plan_name"] or row["name"],
        "amount": _text(row["amount"]),
        "currency": row["currency_code"] or "USD",
        "path": f"/subscriptions/{row['id']}",
    }


def _card_facts(row: Row) -> Row:
    year, month = row["expiry_year"], row["expiry_month"]
    last_day = date(year, month, monthrange(year, month)[1])
    return {"last_four": row["last_four"] or "", "expires_on": str(last_day), "path": "/payment-methods"}


def _of(kind: str, row: Row) -> str:
    return f"{kind}:{row['zoho_id']}"


def _is_recent(day: Any) -> bool:
    return day is not None and day >= clock.now().date() - RECENT


def _text(amount: Decimal) -> str:
    return format(amount.normalize(), "f")
