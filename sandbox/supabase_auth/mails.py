"""The mails that Supabase Auth sends, put into the mailbox in the same commit as their token.

Two kinds of link, as a project can choose in its templates: through `/auth/v1/verify` (Supabase's
default), or straight to the site with a `token_hash` that a server can verify in any browser.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from markupsafe import Markup

from sandbox import mailbox
from sandbox.supabase_auth import errors, gate, users
from sandbox.supabase_auth.one_time import Issued
from sandbox.tx import Tx
from sandbox.world import current

SENDER = "Northwind Cloud <auth@northwind.example>"
PAPER = "font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:16px;color:#1d2126"
BUTTON = "background:#1f4fd8;color:#fff;padding:12px 20px;border-radius:6px;text-decoration:none"
CODE = "If you are asked for a code, it is"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")


@dataclass(frozen=True)
class Letter:
    subject: str
    opening: str
    button: str


LETTERS = {
    "signup": Letter(
        "Confirm your e-mail address",
        "Confirm that this address is yours to finish signing up.",
        "Confirm my address",
    ),
    "invite": Letter(
        "You are invited",
        "You have been invited to join. Follow the link to accept.",
        "Accept the invitation",
    ),
    "magiclink": Letter("Your sign-in link", "Follow the link to sign in. It works once.", "Sign in"),
    "recovery": Letter(
        "Reset your password",
        "Somebody, probably you, asked to reset the password of this address.",
        "Choose a new password",
    ),
    "email_change": Letter(
        "Confirm the change of your e-mail address",
        "Your address is changed once the old and the new one have both confirmed.",
        "Confirm the change",
    ),
    "reauthentication": Letter("Confirm that it is you", "Enter the code to go on with the change.", ""),
}


def send(tx: Tx, to: str, kind: str, issued: Issued, redirect_to: str) -> None:
    letter = LETTERS[kind]
    address = link(kind, issued.token_hash, redirect_to) if letter.button else ""
    mailbox.store(tx, mailbox.compose(
        sender=SENDER, to=to, subject=letter.subject,
        text=_text(letter, issued.code, address), html=_html(letter, issued.code, address),
    ))  # fmt: skip


def link(kind: str, token_hash: str, redirect_to: str) -> str:
    if current().settings.auth_mail_links == "token_hash":
        query = urlencode({"token_hash": token_hash, "type": kind})
        return f"{redirect_to}{'&' if '?' in redirect_to else '?'}{query}"
    query = urlencode({"token": token_hash, "type": kind, "redirect_to": redirect_to})
    return f"{gate.issuer()}/verify?{query}"


def redirect_target(asked: str | None) -> str:
    """Where a link may lead: the site itself, or this machine; anything else becomes the site."""
    site = current().settings.portal_url
    try:
        parts = urlsplit(asked or site)
        own = (parts.scheme, parts.netloc) == urlsplit(site)[:2]
        local = parts.scheme in ("http", "https") and parts.hostname in LOOPBACK
    except ValueError:
        return site
    return asked if asked and (own or local) else site


def pause_between(user: dict[str, Any], stamp: str) -> None:
    """Supabase's shortest pause between two mails of a kind to one person."""
    pause = current().settings.auth_mail_pause_s
    if user.get(stamp) and str(user[stamp]) > users.timestamp(-pause):
        raise errors.AuthFailure(
            429,
            "over_email_send_rate_limit",
            f"For security purposes, you can only request this after {pause:g} seconds.",
        )


def _text(letter: Letter, code: str, address: str) -> str:
    lines = [letter.opening, ""]
    if address:
        lines += [address, ""]
    return "\n".join([*lines, f"{CODE} {code}", "", "It works for one hour."])


def _html(letter: Letter, code: str, address: str) -> str:
    button = Markup('<p><a href="{}" style="{}">{}</a></p>').format(address, BUTTON, letter.button)
    return Markup(
        '<div style="{}"><h2>{}</h2><p>{}</p>{}<p>{} <strong>{}</strong></p>'
        "<p>It works for one hour.</p></div>"
    ).format(PAPER, letter.subject, letter.opening, button if address else "", CODE, code)
