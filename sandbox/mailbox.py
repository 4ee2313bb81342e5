"""The mailbox: every mail of the demo ends here, through real SMTP or from the Auth stand-in.

Mails live in the store, so they survive a restart and go with a reset. The pages show text first;
HTML is shown in a frame without scripts, because a mail is a stranger's document.
"""

import re
import socket
import time
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import formatdate, make_msgid
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Blueprint, Flask, Response, abort, jsonify, redirect, render_template, request
from markupsafe import Markup, escape
from werkzeug.wrappers import Response as Redirect

from sandbox.tx import Tx
from sandbox.world import World, current

KIND = "mails"
PAGE = 50
blueprint = Blueprint("mailbox", __name__)
Mail = dict[str, Any]


def register(app: Flask) -> None:
    app.register_blueprint(blueprint)


def start(app: Flask) -> None:
    """Listens for SMTP beside the served app; port 0 means that nobody wants a sink."""
    world: World = app.extensions["sandbox_world"]
    host, port = world.settings.host, world.settings.smtp_port
    if not port:
        return
    try:
        socket.create_server((host, port)).close()  # the controller would wait long before it complains
    except OSError as refusal:
        print(f"sandbox: no mail sink on port {port}: {refusal.strerror}", flush=True)
        return
    sink = Controller(Sink(world), hostname=host, port=port, enable_SMTPUTF8=True)
    sink.start()
    app.extensions["sandbox_mail_sink"] = sink


class Sink:
    """aiosmtpd's handler: answers 250 only once the mail is committed."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        raw = envelope.original_content or b""
        message = BytesParser(EmailMessage, policy=policy.default).parsebytes(raw)
        with self._world.store.transaction() as tx:
            store(tx, message, [str(to) for to in envelope.rcpt_tos])
        return "250 Message accepted for delivery"


def compose(*, sender: str, to: str, subject: str, text: str, html: str = "") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain="sandbox.example")
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message


def store(tx: Tx, message: EmailMessage, recipients: list[str] | None = None) -> Mail:
    """Puts a mail into the box; the envelope's recipients may differ from the header's."""
    to = recipients or [address.addr_spec for address in message["To"].addresses]
    mail: Mail = {
        "id": tx.next_id(),
        "received_at": real_stamp(),
        "from": str(message["From"] or ""),
        "to": to,
        "subject": str(message["Subject"] or ""),
        "text": _part(message, "plain"),
        "html": _part(message, "html"),
        "headers": [[name, str(value)] for name, value in message.items()],
    }
    tx.put(KIND, mail["id"], mail, recipients=_joined(to))
    return mail


def real_stamp() -> str:
    """Mails carry real time: they cross from programs that do not live in the sandbox's clock."""
    moment = datetime.fromtimestamp(time.time(), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def newest(tx: Tx, *, to: str = "", limit: int = PAGE, offset: int = 0) -> list[Mail]:
    where = {"recipients": ("LIKE", f"%{_joined([to])}%")} if to else None
    return tx.find(KIND, where=where, order="seq", desc=True, limit=limit, offset=offset)


def _joined(addresses: list[str]) -> str:
    return "," + ",".join(address.strip().lower() for address in addresses) + ","


def _part(message: EmailMessage, subtype: str) -> str:
    body = message.get_body((subtype,))
    return str(body.get_content()) if body is not None else ""


@blueprint.get("/_control/mail")
def listed() -> Response:
    with current().store.read() as tx:
        mails = newest(tx, to=request.args.get("to", ""), limit=_whole("limit", 200))
    return jsonify({"mails": mails, "count": len(mails)})


@blueprint.delete("/_control/mail")
def cleared() -> Response:
    _clear()
    return jsonify({"mails": [], "count": 0})


@blueprint.post("/mailbox/clearing")
def clear() -> Redirect:
    _clear()
    return redirect("/mailbox", 303)


def _whole(name: str, otherwise: int) -> int:
    text = request.args.get(name, "")
    return max(1, int(text)) if re.fullmatch(r"[0-9]{1,6}", text) else otherwise


def _clear() -> None:
    with current().store.transaction() as tx:
        for mail_id in tx.ids(KIND):
            tx.delete(KIND, mail_id)


@blueprint.get("/mailbox")
def mailbox() -> str:
    to = request.args.get("to", "").strip()
    page = _whole("page", 1)
    with current().store.read() as tx:
        found = newest(tx, to=to, limit=PAGE + 1, offset=(page - 1) * PAGE)
    return render_template("mailbox/list.html", mails=found[:PAGE], to=to, page=page, more=len(found) > PAGE)


@blueprint.get("/mailbox/<mail_id>")
def mail(mail_id: str) -> str:
    found = _mail(mail_id)
    return render_template("mailbox/mail.html", mail=found, text=_linked(found["text"]))


@blueprint.get("/mailbox/<mail_id>/html")
def mail_html(mail_id: str) -> Response:
    """The mail's own HTML, for the frame: no scripts, nothing fetched from elsewhere."""
    answer = Response(_mail(mail_id)["html"], mimetype="text/html")
    answer.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "sandbox allow-popups allow-top-navigation-by-user-activation"
    )
    return answer


def _mail(mail_id: str) -> Mail:
    with current().store.read() as tx:
        found = tx.get(KIND, mail_id)
    return found or abort(404)


def _linked(text: str) -> Markup:
    """Plain text with its addresses made into links; everything else is escaped."""
    pieces = re.split(r"(https?://[^\s<>\"]+)", text)
    return Markup("").join(
        Markup('<a href="{0}">{0}</a>').format(piece) if i % 2 else escape(piece)
        for i, piece in enumerate(pieces)
    )
