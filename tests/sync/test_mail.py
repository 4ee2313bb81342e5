"""Mail: each at most once per cause, stopped when no longer true, never sent twice (CONV-05, INV-3)."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from portal import clock
from portal.db import transaction
from portal.mail import messages, outbox, sending
from portal.mail.outbox import Mail
from portal.mail.transport import NotSent, PerhapsSent, SmtpTransport, _deliver
from portal.sync import reconcile, refresh

if TYPE_CHECKING:
    from portal.db.transaction import Pool
    from portal.services import Services
    from tests.harness.processes import Sandbox

INVOICE_FACTS = {
    "amount": "72.36",
    "currency": "USD",
    "invoice_number": "INV-000001",
    "path": "/invoices/1",
    "account_name": "Ada & <b>Co</b>",
    "reason": "do not honor",
    "last_four": "4242",
}


@dataclass
class Postbox:
    """The world's end of the mail: keeps what it took, or fails as told."""

    took: list[EmailMessage] = field(default_factory=list)
    problem: Exception | None = None

    def send(self, message: EmailMessage) -> None:
        if self.problem is not None:
            raise self.problem
        self.took.append(message)


def put(pool: Pool, **more: Any) -> bool:
    mail = {
        "template": "receipt",
        "entity": "payment:1",
        "cause": "received",
        "recipient": "ada@example.com",
        "context": INVOICE_FACTS | {"paid_on": "2026-11-23"},
        **more,
    }
    with transaction.as_worker(pool) as conn:
        return outbox.enqueue(conn, Mail(**mail))


def states(conn: Any) -> list[str]:
    return [row["state"] for row in conn.execute("select state from billing.outbox order by created_at")]


def test_a_mail_is_written_once_per_cause_and_sent_once(services: Services, conn: Any) -> None:
    box = Postbox()
    assert [put(services.pool), put(services.pool)] == [True, False]

    sending.send_due(services.settings, services.pool, box)
    sending.send_due(services.settings, services.pool, box)

    assert len(box.took) == 1
    assert box.took[0]["To"] == "ada@example.com"
    assert states(conn) == ["sent"]


def test_mail_really_goes_through_smtp(services: Services, sandbox: Sandbox, conn: Any) -> None:
    put(services.pool, recipient="smtp-test@example.com")

    assert sending.send_due(services.settings, services.pool, services.mail) == 1

    (mail,) = sandbox.mail("smtp-test@example.com")
    assert "Receipt for your payment of $72.36" in str(mail)
    assert states(conn) == ["sent"]


def test_a_mail_to_a_domain_that_is_not_ascii_goes_out(
    services: Services, sandbox: Sandbox, conn: Any
) -> None:
    put(services.pool, recipient="Info@Bücher.example")

    assert sending.send_due(services.settings, services.pool, services.mail) == 1
    assert states(conn) == ["sent"]
    assert len(sandbox.mail("info@xn--bcher-kva.example")) == 1


def test_an_address_that_no_server_can_be_told_holds_up_no_other_mail(
    services: Services, sandbox: Sandbox, conn: Any
) -> None:
    put(services.pool, recipient="jörg@example.com")
    put(services.pool, recipient="ada@example.com")

    assert sending.send_due(services.settings, services.pool, services.mail) == 1
    assert sorted(states(conn)) == ["failed", "sent"]


def test_a_server_that_is_not_there_is_a_mail_not_sent(services: Services, conn: Any) -> None:
    put(services.pool)
    nowhere = SmtpTransport("127.0.0.1", 1, start_tls=False)

    assert sending.send_due(services.settings, services.pool, nowhere) == 0
    assert states(conn) == ["pending"]


def test_an_interrupted_send_becomes_unknown_and_is_never_repeated(services: Services, conn: Any) -> None:
    put(services.pool)
    sending.send_due(services.settings, services.pool, Postbox(problem=PerhapsSent("broken pipe")))
    box = Postbox()
    later = clock.now() + timedelta(days=2)
    with clock.replaced_by(partial(_same, later)):
        sending.send_due(services.settings, services.pool, box)

    assert states(conn) == ["unknown"]
    assert box.took == []


def test_a_sender_that_died_leaves_an_unknown_mail(services: Services, conn: Any) -> None:
    put(services.pool)
    with transaction.as_worker(services.pool) as tx:
        outbox.claim(tx)
    later = clock.now() + outbox.HOLD + timedelta(seconds=1)
    box = Postbox()
    with clock.replaced_by(partial(_same, later)):
        sending.send_due(services.settings, services.pool, box)

    assert states(conn) == ["unknown"]
    assert box.took == []


class Server:
    """A mail server that fails at a step of its choosing."""

    def __init__(self, step: str, problem: Exception | tuple[int, bytes]) -> None:
        self._step, self._problem = step, problem

    def _answer(self, step: str) -> tuple[int, bytes]:
        if step != self._step:
            return 250, b"ok"
        if isinstance(self._problem, Exception):
            raise self._problem
        return self._problem

    def mail(self, _sender: str) -> tuple[int, bytes]:
        return self._answer("mail")

    def rcpt(self, _recipient: str) -> tuple[int, bytes]:
        return self._answer("rcpt")

    def data(self, _message: bytes) -> tuple[int, bytes]:
        return self._answer("data")


GONE = smtplib.SMTPServerDisconnected("gone")


@pytest.mark.parametrize(
    ("step", "problem", "may_have_gone_out", "is_permanent"),
    [
        ("mail", GONE, False, False),
        ("rcpt", TimeoutError(), False, False),
        ("rcpt", (450, b"later"), False, False),
        ("rcpt", (550, b"unknown"), False, True),
        ("data", GONE, True, False),
        ("data", TimeoutError(), True, False),
        ("data", smtplib.SMTPDataError(451, b"later"), False, False),
        ("data", smtplib.SMTPDataError(554, b"no"), False, True),
    ],
)
def test_conv_05_once_the_text_has_gone_out_nobody_can_tell(
    step: str, problem: Any, may_have_gone_out: bool, is_permanent: bool
) -> None:
    """INV-3: what may have been taken is never sent again by itself; what surely was not, is."""
    message = EmailMessage()
    message["From"], message["To"] = "portal@example.com", "ada@example.com"
    with pytest.raises(PerhapsSent if may_have_gone_out else NotSent) as told:
        _deliver(Server(step, problem), message)  # type: ignore[arg-type]
    assert getattr(told.value, "permanent", False) == is_permanent


def test_a_mail_that_somebody_is_sending_is_not_given_up(services: Services, conn: Any) -> None:
    put(services.pool)
    with transaction.as_worker(services.pool) as tx:
        claimed = outbox.claim(tx)
    sending.send_due(services.settings, services.pool, Postbox())
    assert claimed is not None
    assert states(conn) == ["sending"]


def test_a_refused_connection_is_tried_again_later(services: Services, conn: Any) -> None:
    put(services.pool)
    sending.send_due(services.settings, services.pool, Postbox(problem=NotSent("no server")))
    assert states(conn) == ["pending"]
    box = Postbox()
    later = clock.now() + timedelta(minutes=5)
    with clock.replaced_by(partial(_same, later)):
        sending.send_due(services.settings, services.pool, box)

    assert states(conn) == ["sent"]
    assert len(box.took) == 1


def test_a_permanent_refusal_is_not_repeated(services: Services, conn: Any) -> None:
    put(services.pool)
    sending.send_due(services.settings, services.pool, Postbox(problem=NotSent("550", permanent=True)))
    assert states(conn) == ["failed"]


@pytest.mark.parametrize("template", ["payment_failed", "final_notice", "payment_recovered", "receipt"])
def test_messages_say_the_same_in_text_and_html_and_escape_names(services: Services, template: str) -> None:
    row = {
        "id": "m1",
        "template": template,
        "recipient": "ada@example.com\r\nBcc: evil@example.com",
        "locale": "en",
        "context": INVOICE_FACTS | {"paid_on": "2026-11-23"},
    }
    message = messages.render(services.settings, row)
    text = message.get_body(("plain",))
    html = message.get_body(("html",))
    assert text is not None
    assert html is not None

    assert "$72.36" in text.get_content()
    assert "$72.36" in html.get_content()
    assert "Ada & <b>Co</b>" in text.get_content()
    assert "Ada &amp; &lt;b&gt;Co&lt;/b&gt;" in html.get_content()
    assert services.settings.base_url in text.get_content()
    assert message["Bcc"] is None
    assert "\n" not in message["Subject"]


def test_a_declined_renewal_is_told_once_a_try_until_it_is_paid(
    services: Services, sandbox: Sandbox, conn: Any, at_sandbox_time: Callable[[Callable[[], Any]], Any]
) -> None:
    """The journey of issue 4, point 8: decline, notices on their days, payment, thanks, silence."""
    box = Postbox()
    reconcile.full(services)
    subscription = conn.execute(
        "select * from billing.subscriptions where status = 'live' and auto_collect limit 1"
    ).fetchone()
    _link(services, conn, subscription["customer_zoho_id"])
    days_left = (subscription["next_billing_on"] - _now(sandbox).date()).days

    for _ in range(3):
        sandbox.control(
            "act", {"kind": "next_charge_declines", "card_id": subscription["payment_method_zoho_id"]}
        )
    sandbox.advance(days_left + 1)
    at_sandbox_time(lambda: reconcile.full(services))
    at_sandbox_time(lambda: reconcile.full(services))
    at_sandbox_time(lambda: sending.send_due(services.settings, services.pool, box))
    subjects = [str(mail["Subject"]) for mail in box.took]
    assert sum("did not go through" in subject for subject in subjects) == 1, subjects

    told = len(box.took)
    invoice = conn.execute(
        "select zoho_id from billing.invoices where balance > 0 and customer_zoho_id = %s"
        " order by invoice_date desc limit 1",
        [subscription["customer_zoho_id"]],
    ).fetchone()
    sandbox.control("act", {"kind": "record_payment", "invoice_id": invoice["zoho_id"]})
    at_sandbox_time(lambda: reconcile.full(services))
    at_sandbox_time(lambda: sending.send_due(services.settings, services.pool, box))
    thanks = [mail["Subject"] for mail in box.took[told:]]
    assert len(thanks) == 1
    assert "is paid" in thanks[0]

    at_sandbox_time(lambda: reconcile.full(services))
    at_sandbox_time(lambda: sending.send_due(services.settings, services.pool, box))
    assert len(box.took) == told + 1


def test_a_failed_renewal_is_told_in_whatever_order_its_objects_are_read(
    services: Services, sandbox: Sandbox, conn: Any, at_sandbox_time: Callable[[Callable[[], Any]], Any]
) -> None:
    """U2: the announcement may name no payment, and the subscription may be read before its new invoice."""
    reconcile.full(services)
    subscription = conn.execute(
        "select * from billing.subscriptions where status = 'live' and auto_collect limit 1"
    ).fetchone()
    _link(services, conn, subscription["customer_zoho_id"])
    card = subscription["payment_method_zoho_id"]
    sandbox.control("act", {"kind": "next_charge_declines", "card_id": card})
    sandbox.advance((subscription["next_billing_on"] - _now(sandbox).date()).days + 1)

    read = partial(refresh.refresh, services, source="webhook")
    sub = at_sandbox_time(lambda: read("subscription", subscription["zoho_id"]))
    at_sandbox_time(lambda: read("invoice", sub.child_invoice_zoho_id))

    told = conn.execute("select template from billing.outbox where template = 'payment_failed'").fetchall()
    assert len(told) == 1


def test_a_notice_that_waited_is_stopped_when_the_invoice_is_paid(services: Services, conn: Any) -> None:
    put(services.pool, template="payment_failed", entity="invoice:i1", cause="failure:2026-11-23")
    conn.execute(
        "insert into billing.invoices (zoho_id, customer_zoho_id, status, synced_at, source, read_started_at)"
        " values ('i1', 'c1', 'paid', now(), 'webhook', now())"
    )
    box = Postbox()
    sending.send_due(services.settings, services.pool, box)

    assert states(conn) == ["stopped"]
    assert box.took == []


@pytest.fixture
def at_sandbox_time(sandbox: Sandbox) -> Callable[[Callable[[], Any]], Any]:
    """Do something at the moment that it is in the sandbox."""

    def do(what: Callable[[], Any]) -> Any:
        with clock.replaced_by(partial(_same, _now(sandbox))):
            return what()

    return do


def _now(sandbox: Sandbox) -> datetime:
    return datetime.fromisoformat(sandbox.control("clock")["now"])


def _link(services: Services, conn: Any, customer_zoho_id: str) -> None:
    made = (
        "insert into billing.accounts (name, billing_email, zoho_customer_id)"
        " values ('Ada', 'ada@example.com', %s) returning id"
    )
    account = conn.execute(made, [customer_zoho_id]).fetchone()["id"]
    from portal.mirror import customers

    with transaction.as_worker(services.pool) as tx:
        customers.link(tx, account, customer_zoho_id)


def _same(moment: datetime) -> datetime:
    return moment
