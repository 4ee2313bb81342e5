"""The people: they use the portal's pages, double-click, pay at Zoho's pages, and do not always return."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import urlsplit

import requests

from portal.db.transaction import as_web
from portal.people import sessions
from portal.people.sessions import Visit
from tests.harness.hosted_page import pay_at
from tests.simulation import identity
from tests.simulation.browser import Browser, Form, forms_of
from tests.simulation.database import OUTAGES
from tests.simulation.history import History
from tests.simulation.options import Options
from tests.simulation.power import Crash
from tests.simulation.stage import EMAILS, Setting

CARDS = ("4111111111111111", "4111111111111111", "4000000000000002", "4000000000000341")
PLANS = ("team-m", "team-y", "starter-m", "scale-m", "free", "analytics-m")
SESSION_S = 500
CHANGED, SERVER_ERROR = 409, 500

Row = dict[str, Any]


class Crowd:
    """Three people, one of whom was a customer before the portal was there."""

    def __init__(self, setting: Setting, history: History, dice: Random, options: Options) -> None:
        self.setting, self.history, self.dice, self.options = setting, history, dice, options
        base_url = setting.stage.settings.base_url
        self.browsers = {email: Browser(setting.stage.app, base_url) for email in EMAILS}
        self._signed_in: dict[str, float] = {}
        self._other_tab: dict[str, list[tuple[Form, dict[str, str]]]] = {email: [] for email in EMAILS}
        self._doing = ""

    def act(self) -> None:
        """One person does one thing."""
        email = self.dice.choice(EMAILS)
        if "web" in self.setting.down:
            self.history.note(f"{email}: nobody answers")
            return
        try:
            if not self._sign_in(email):
                self.history.note(f"{email} cannot sign in")
                return
            name = self._do_something(email)
        except Crash:
            self.history.note(f"{email} {self._doing}: the portal died")
            self.setting.start()
            return
        except (*OUTAGES, requests.RequestException) as problem:
            self.history.note(f"{email} {self._doing}: {type(problem).__name__}")
            return
        status = self.browsers[email].last_status
        self.history.note(f"{email} {name}: {status}")
        if status == SERVER_ERROR:
            self.history.violate("no surprise", f"{email} {name} met a page of status 500")

    def _do_something(self, email: str) -> str:
        """Try acts until one is open to this person."""
        browser = self.browsers[email]
        for _ in range(6):
            name, does = self.dice.choice(ACTS)
            self._doing = name
            browser.last_status = 0
            does(self, email)
            if browser.last_status:
                break
        self.history.count(f"person {name}")
        return name

    def _sign_in(self, email: str) -> bool:
        """A session of its own making, as fresh as the portal asks for; false while nobody vouches."""
        now = self.setting.virtual.time()
        if now - self._signed_in.get(email, 0) < SESSION_S:
            return True
        if "auth" in self.setting.down:
            return False
        services, user_id = self.setting.services, self.setting.stage.people[email]
        proof = identity.sign_in(self.setting, email)
        with as_web(services.pool, user_id) as conn:
            cookie = sessions.create(conn, services.keyring, proof, Visit("Simulator", "127.0.0.1"))
        self.browsers[email].wear(cookie)
        self._signed_in[email] = now
        return True

    # --- what people do ---------------------------------------------------------------------------

    def buy(self, email: str) -> None:
        browser = self.browsers[email]
        form = browser.form(f"/checkouts/new?plan={self.dice.choice(PLANS)}", "/checkouts")
        if form is None:
            return
        ways = form.choices.get("payment", [])
        changed = {"payment": self.dice.choice(ways)} if ways else {}
        if "coupon" in form.values and self.dice.random() < 0.25:
            changed["coupon"] = "WELCOME20"
        self._press(email, form, **changed)

    def cancel(self, email: str) -> None:
        self._confirm(email, self._subscription(email), "cancellation", "when")

    def keep(self, email: str) -> None:
        self._confirm(email, self._subscription(email, "s.status = 'non_renewing'"), "cancellation/undo")

    def change_plan(self, email: str) -> None:
        row = self._subscription(email)
        if row is not None:
            plan = self.dice.choice(PLANS)
            form = self.browsers[email].form(f"/subscriptions/{row['id']}/plan-change?plan={plan}")
            self._answer(email, form, "when")

    def drop_change(self, email: str) -> None:
        row = self._subscription(email, "s.has_scheduled_change")
        if row is not None:
            page = f"/subscriptions/{row['id']}/scheduled-change"
            self._answer(email, self.browsers[email].form(page, f"{page}/removal"))

    def choose_method(self, email: str) -> None:
        self._confirm(email, self._subscription(email), "payment-method", "method")

    def pay_invoice(self, email: str) -> None:
        row = self._own(email, "invoices", "o.balance > 0")
        if row is not None:
            form = self.browsers[email].form(f"/invoices/{row['id']}/payment")
            self._answer(email, form, "method")

    def add_card(self, email: str) -> None:
        form = self.browsers[email].form("/payment-methods", "/payment-methods")
        if form is not None:
            self._press(email, form)

    def remove_card(self, email: str) -> None:
        row = self._own(email, "payment_methods", "true")
        if row is not None:
            self._answer(email, self.browsers[email].form(f"/payment-methods/{row['id']}/removal"))

    def look(self, email: str) -> None:
        self.browsers[email].get(self.dice.choice(["/", "/subscriptions", "/invoices", "/payment-methods"]))

    def check(self, email: str) -> None:
        """Come back to a purchase that was left, or press "check now"."""
        row = self._own(email, "checkouts", "o.state in ('preparing', 'open', 'confirming')")
        if row is None:
            return
        act = self.dice.choice(["check", "cancellation", "pay"])
        if act == "pay" and row["hosted_page_url"]:
            self._pay(email, row["hosted_page_url"])
            return
        form = self.browsers[email].form(f"/checkouts/{row['id']}", f"/checkouts/{row['id']}/{act}")
        if form is not None:
            self._press(email, form)

    def go_back(self, email: str) -> None:
        """Press in a tab that was left open, or by the back button: prices and choices may be old."""
        if self._other_tab[email]:
            form, changed = self._other_tab[email].pop(self.dice.randrange(len(self._other_tab[email])))
            self._press(email, form, **changed)

    # --- how --------------------------------------------------------------------------------------

    def _confirm(self, email: str, row: Row | None, page: str, choice: str = "") -> None:
        if row is not None:
            self._answer(email, self.browsers[email].form(f"/subscriptions/{row['id']}/{page}"), choice)

    def _answer(self, email: str, form: Form | None, choice: str = "") -> None:
        if form is None:
            return
        offered = form.choices.get(choice, [])
        self._press(email, form, **({choice: self.dice.choice(offered)} if offered else {}))

    def _press(self, email: str, form: Form, **changed: str) -> None:
        """Send the form, sometimes again with the same key; go where it leads."""
        browser = self.browsers[email]
        if self.dice.random() < self.options.old_form:
            self._other_tab[email].append((form, changed))
        answer = browser.send(form, **changed)
        if answer.status_code == CHANGED and (again := forms_of(answer, form.action)):
            # Prices moved, or the choice changes them: the page shows the new amount, the person confirms it.
            form = again
            answer = browser.send(form, **changed)
        if self.dice.random() < self.options.double_click:
            self.history.note(f"{email} pressed twice")
            answer = browser.send(form, **changed)
        target = answer.headers.get("Location", "")
        if "/hostedpage/" in target:
            self._pay(email, target)

    def _pay(self, email: str, page_url: str) -> None:
        """Pay at Zoho's page, or leave it; come back, or close the browser."""
        if self.dice.random() < 0.25:
            return
        act = "cancel" if self.dice.random() < 0.1 else "pay"
        answer = pay_at(page_url, self.dice.choice(CARDS), act=act)
        self.history.note(f"{email} at the hosted page: {act} {answer.status_code}")
        target = urlsplit(answer.headers.get("Location", ""))
        if target.path.startswith("/checkouts/") and self.dice.random() < 0.6:
            self.browsers[email].get(f"{target.path}?{target.query}")

    def _subscription(
        self, email: str, where: str = "s.status not in ('cancelled', 'expired')"
    ) -> Row | None:
        found = self.setting.rows(
            "select s.id from billing.subscriptions s join billing.accounts a on a.id = s.account_id"
            f" where a.billing_email = %s and s.gone_at is null and {where} order by s.zoho_id",
            email,
        )
        return self.dice.choice(found) if found else None

    def _own(self, email: str, table: str, where: str) -> Row | None:
        found = self.setting.rows(
            f"select o.* from billing.{table} o join billing.accounts a on a.id = o.account_id"
            f" where a.billing_email = %s and {where} order by o.created_at, o.id",
            email,
        )
        return self.dice.choice(found) if found else None


ACTS: list[tuple[str, Callable[[Crowd, str], None]]] = [
    ("buys", Crowd.buy),
    ("buys", Crowd.buy),
    ("buys", Crowd.buy),
    ("cancels", Crowd.cancel),
    ("keeps", Crowd.keep),
    ("changes the plan", Crowd.change_plan),
    ("changes the plan", Crowd.change_plan),
    ("drops a change", Crowd.drop_change),
    ("chooses a method", Crowd.choose_method),
    ("pays an invoice", Crowd.pay_invoice),
    ("adds a card", Crowd.add_card),
    ("removes a card", Crowd.remove_card),
    ("goes back", Crowd.go_back),
    ("looks", Crowd.look),
    ("checks", Crowd.check),
    ("checks", Crowd.check),
]
