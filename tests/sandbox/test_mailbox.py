"""The mailbox: real SMTP in, JSON and pages out."""

from __future__ import annotations

import smtplib
import socket
import threading
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
import requests

from sandbox import mailbox
from tests.sandbox.serving import Served, served


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("mail")) as running:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        running.world.settings.smtp_port = port
        mailbox.start(running.app)
        yield running
        running.app.extensions["sandbox_mail_sink"].stop()


@pytest.fixture(autouse=True)
def empty(place: Served) -> None:
    requests.delete(f"{place.url}/_control/mail", timeout=10)


def send(place: Served, to: str, subject: str = "Grüße", html: str = "", cc: str = "") -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Portal <portal@example.com>", to, subject
    message["X-Portal-Key"] = "k-1"
    message.set_content("Zahlung fällig: http://127.0.0.1:8000/invoices?a=1&b=2\n<script>alert(1)</script>")
    if html:
        message.add_alternative(html, subtype="html")
    with smtplib.SMTP("127.0.0.1", place.world.settings.smtp_port, timeout=10) as client:
        client.send_message(message, to_addrs=[to, cc] if cc else [to])


def mails(place: Served, to: str = "") -> list[dict[str, object]]:
    answer = requests.get(f"{place.url}/_control/mail", params={"to": to}, timeout=10).json()
    found: list[dict[str, object]] = answer["mails"]
    return found


def test_a_mail_sent_by_smtp_is_kept_with_text_html_headers_and_envelope(place: Served) -> None:
    send(place, "ada@example.com", html="<p>Zahlung fällig</p>", cc="Hidden@example.com")
    (mail,) = mails(place)
    assert mail["subject"] == "Grüße"
    assert mail["from"] == "Portal <portal@example.com>"
    assert mail["to"] == ["ada@example.com", "Hidden@example.com"]
    assert "Zahlung fällig" in str(mail["text"])
    assert "<p>Zahlung fällig</p>" in str(mail["html"])
    assert ["X-Portal-Key", "k-1"] in mail["headers"]  # type: ignore[operator]


def test_mails_come_newest_first_and_by_recipient(place: Served) -> None:
    for number, to in enumerate(("ada@example.com", "bob@example.com", "ada@example.com")):
        send(place, to, subject=str(number))
    assert [mail["subject"] for mail in mails(place)] == ["2", "1", "0"]
    assert [mail["subject"] for mail in mails(place, "ADA@example.com")] == ["2", "0"]
    assert mails(place, "da@example.com") == [], "an address is compared whole"


def test_clearing_empties_the_box(place: Served) -> None:
    send(place, "ada@example.com")
    assert requests.delete(f"{place.url}/_control/mail", timeout=10).json()["count"] == 0
    assert mails(place) == []


def test_mails_from_several_senders_at_once_all_arrive(place: Served) -> None:
    threads = [threading.Thread(target=send, args=(place, f"p{n}@example.com")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {str(mail["to"]) for mail in mails(place)} == {f"['p{n}@example.com']" for n in range(8)}


def test_the_page_links_addresses_and_runs_nothing_of_the_mail(place: Served) -> None:
    send(place, "ada@example.com", html="<script>alert(2)</script><p>Hello</p>")
    mail_id = mails(place)[0]["id"]
    page = requests.get(f"{place.url}/mailbox/{mail_id}", timeout=10).text
    assert '<a href="http://127.0.0.1:8000/invoices?a=1&amp;b=2">' in page
    assert "<script" not in page
    frame = requests.get(f"{place.url}/mailbox/{mail_id}/html", timeout=10)
    assert "script-src" not in frame.headers["Content-Security-Policy"]
    assert frame.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "sandbox" in frame.headers["Content-Security-Policy"]
    assert requests.get(f"{place.url}/mailbox/9", timeout=10).status_code == 404


def test_a_taken_port_is_one_clear_line(place: Served, capsys: pytest.CaptureFixture[str]) -> None:
    mailbox.start(place.app)
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert str(place.world.settings.smtp_port) in said
