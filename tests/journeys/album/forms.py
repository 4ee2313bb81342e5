"""Forms sent with nothing, or nonsense, in them: the summary, the words at each field, the answers kept."""

from __future__ import annotations

from collections.abc import Iterator

from playwright.sync_api import Page

from tests.harness.people import PASSWORD

# path, what to fill in, the button to press (the form's first without a word)
PUBLIC: dict[str, tuple[str, dict[str, str]]] = {
    "sign-in": ("/sign-in", {"email": "ada@example.com", "password": "wrong"}),
    "sign-in-empty": ("/sign-in", {}),
    "sign-up": ("/sign-up", {"email": "not an address", "password": "short"}),
    "password-reset": ("/password-reset", {"email": "nobody"}),
    "magic-link": ("/magic-link", {}),
}
OF_A_MEMBER: dict[str, tuple[str, dict[str, str]]] = {
    "email": ("/account/email", {"email": "nobody"}),
    "password": ("/account/password", {"password": "short"}),
    "profile": ("/account/profile", {"name": " "}),
    "billing-details": ("/account/billing-details", {"email": "nobody"}),
    "checkout": ("/checkouts/new?plan=team-m", {"quantity": "-4", "coupon": "NO-SUCH-COUPON"}),
    "invitation": ("/account/members", {"email": "nobody"}),
}


def refused(page: Page, portal_url: str, forms: dict[str, tuple[str, dict[str, str]]]) -> Iterator[str]:
    """Send each form and yield its name once the answer is there."""
    for name, (path, values) in forms.items():
        page.goto(portal_url + path)
        if "/reauthentication" in page.url:
            page.locator("main input[name=password]").fill(PASSWORD)
            _send(page, "password")
            page.goto(portal_url + path)
        fields = [page.locator(f"main form [name={field}]").first for field in values]
        for field, value in zip(fields, values.values(), strict=True):
            field.fill(value)
        _send(page, next(iter(values), "email"))
        yield name


def _send(page: Page, field: str) -> None:
    form = page.locator("main form").filter(has=page.locator(f"[name={field}]")).first
    with page.expect_navigation():
        form.evaluate(
            "form => form.requestSubmit ? form.querySelector('button:not([name=do])').click() : form.submit()"
        )
