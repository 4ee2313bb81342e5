"""The people of the demo, and how each signs in with a browser."""

import base64
import hashlib
import hmac
import struct
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

PASSWORD = "correct horse battery staple"
ADA, BOB, STAFF = "ada@example.com", "bob@example.com", "staff@example.com"
STAFF_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def code_now(secret: str = STAFF_SECRET, *, step: int = 30) -> str:
    """Return what an authenticator app would show (RFC 6238)."""
    counter = struct.pack(">Q", int(time.time()) // step)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    at = digest[-1] & 0xF
    number = (struct.unpack(">I", digest[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000
    return f"{number:06d}"


def sign_in(page: "Page", portal_url: str, email: str) -> None:
    """Sign in through the form, with the second factor where one is asked for."""
    page.goto(f"{portal_url}/sign-in")
    page.get_by_label("E-mail", exact=False).first.fill(email)
    page.locator("input[type=password]").first.fill(PASSWORD)
    page.locator("main form").filter(has=page.locator("input[type=password]")).locator("button").first.click()
    if "/second-factor" in page.url:
        page.locator("main input[name=code]").fill(code_now())
        page.locator("main form").filter(has=page.locator("input[name=code]")).locator("button").first.click()
    assert "/sign-in" not in page.url, f"{email} did not get in: {page.locator('main').inner_text()[:300]}"
