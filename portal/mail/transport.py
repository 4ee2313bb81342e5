"""Handing one message to an SMTP server, and telling "not accepted" from "perhaps accepted" (CONV-05).

The one thing a sender must know after a failure is whether the server may have taken the message. Until
the DATA command's text has gone out it has not (:class:`NotSent`: try again later). After that, a broken
connection leaves it open (:class:`PerhapsSent`: a person decides, no machine sends it again).
"""

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from typing import Protocol
from urllib.parse import unquote, urlsplit

from portal.config import THIS_MACHINE, Settings
from portal.errors import PortalError

_SECONDS = 10.0
_DEFAULT_PORTS = {"smtp": 587, "smtps": 465}
_PERMANENT = 500


class NotSent(PortalError):
    """The mail server did not take the message."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


class PerhapsSent(PortalError):
    """The connection broke while the mail server was taking the message: it may have been sent."""


class Transport(Protocol):
    """Whatever can send a message."""

    def send(self, message: EmailMessage) -> None:
        """Send it. Raises :class:`NotSent` or :class:`PerhapsSent`."""

    def check(self) -> None:
        """Connect, sign in and leave again (`portal doctor`). Raises :class:`NotSent`."""


@dataclass(frozen=True, slots=True)
class SmtpTransport:
    """One connection a message: the portal sends few, and a fresh one has no stale state."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    implicit_tls: bool = False
    start_tls: bool = True

    def send(self, message: EmailMessage) -> None:
        server = self._connected()
        try:
            _deliver(server, message)
        finally:
            server.close()

    def check(self) -> None:
        self._connected().close()

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        try:
            if self.implicit_tls:
                server: smtplib.SMTP = smtplib.SMTP_SSL(
                    self.host, self.port, timeout=_SECONDS, context=context
                )
            else:
                server = smtplib.SMTP(self.host, self.port, timeout=_SECONDS)
            if self.start_tls and not self.implicit_tls:
                server.starttls(context=context)
            server.ehlo_or_helo_if_needed()
            if self.user:
                server.login(self.user, self.password)
        except (OSError, smtplib.SMTPException) as problem:
            raise NotSent(f"{type(problem).__name__} from {self.host}:{self.port}") from problem
        return server


def from_settings(settings: Settings) -> SmtpTransport:
    """Read SMTP_URL: ``smtp://user:password@host:587`` (STARTTLS) or ``smtps://...:465`` (TLS).

    On this machine itself (the demo's mailbox) plain ``smtp`` is spoken. Without SMTP_URL every message
    is refused as not sent, and waits in the outbox.
    """
    address = urlsplit(settings.smtp_url.get_secret_value() or "smtp://127.0.0.1:1")
    return SmtpTransport(
        host=address.hostname or "",
        port=address.port or _DEFAULT_PORTS[address.scheme],
        user=unquote(address.username or ""),
        password=unquote(address.password or ""),
        implicit_tls=address.scheme == "smtps",
        start_tls=address.hostname not in THIS_MACHINE,
    )


def _deliver(server: smtplib.SMTP, message: EmailMessage) -> None:
    """Speak the transaction step by step, to know on which side of DATA a failure fell."""
    recipients = [address for header in ("To", "Cc") for address in message.get_all(header, [])]
    try:
        _expect(server.mail(_bare(str(message["From"]))))
        for recipient in recipients:
            _expect(server.rcpt(_bare(str(recipient))))
    except (OSError, smtplib.SMTPException) as problem:
        raise NotSent(type(problem).__name__) from problem
    except UnicodeError as problem:
        raise NotSent("this address cannot be told to a mail server", permanent=True) from problem
    try:
        answer = server.data(message.as_bytes(policy=SMTP))
    except smtplib.SMTPDataError as refused:
        raise NotSent(
            f"refused with {refused.smtp_code}", permanent=refused.smtp_code >= _PERMANENT
        ) from None
    except (OSError, smtplib.SMTPException) as problem:
        raise PerhapsSent(type(problem).__name__) from problem
    _expect(answer)


def _expect(answer: tuple[int, bytes]) -> None:
    code, _ = answer
    if code not in (250, 251):
        raise NotSent(f"refused with {code}", permanent=code >= _PERMANENT)


def _bare(address: str) -> str:
    """Return the address without the display name."""
    return address.rpartition("<")[2].rstrip("> ") if "<" in address else address
