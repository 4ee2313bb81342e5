"""Every act that a customer can do, one line each: the world before, the form, what it leaves behind.

`ACTS` is read by the tests of double clicks and of crashes. An address of the customer rooms that takes a
POST and is in no line fails the build (test_every_act.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from portal.sync import refresh
from tests.harness.hosted_page import pay_at
from tests.harness.people import follow, mailed_links, sign_in, totp
from tests.purchase.conftest import Shopper

# The rooms of customers; what other rooms take is signing in, the webhook, and staff's.
ROOMS = ("account", "plans", "subscriptions", "invoices", "payment_methods")
NEW_PASSWORD = "a new passphrase of some length"


@dataclass(frozen=True)
class Act:
    """One act. ``writes`` is how many calls that change something Zoho may see for any number of clicks."""

    name: str
    endpoint: str
    form: Callable[[Shopper], str]
    trace: Callable[[Shopper], Any]
    leaves: Any
    action: str = ""
    button: str = ""
    query: dict[str, Any] = field(default_factory=dict)
    fills: dict[str, Any] = field(default_factory=dict)
    arrange: Callable[[Shopper], object] = lambda _: None
    settings: dict[str, Any] = field(default_factory=dict)
    writes: int = 1
    # What a click may be answered with; a thing that the first one removed is gone for the others.
    answers: frozenset[int] = frozenset({303})


# --- the world before -------------------------------------------------------------------------------


def bought(shopper: Shopper) -> None:
    shopper.buy("team-m")


def buy_and(noun: str, **values: Any) -> Callable[[Shopper], None]:
    """Have Team monthly, and have done this with it."""

    def arrange(shopper: Shopper) -> None:
        bought(shopper)
        at = own(shopper, noun)
        if "plan" in values:
            shopper.visitor.get(at, query_string={"quantity": 1, **values})
        else:
            shopper.visitor.get(own(shopper, noun.removesuffix("/removal")))
        shopper.visitor.submit(action=at)

    return arrange


def declined(shopper: Shopper) -> None:
    """Owe the invoice of a renewal that was declined once."""
    bought(shopper)
    there = subscription(shopper)
    sandbox = shopper.sandbox
    sandbox.control("act", {"kind": "next_charge_declines", "card_id": there["card"]["card_id"]})
    sandbox.control("clock", {"to": f"{there['next_billing_at']}T09:00:00"})
    owed = next(one for one in _invoices(shopper) if one["balance"])
    refresh.refresh(shopper.services, "invoice", owed["invoice_id"], source="webhook")
    refresh.refresh(shopper.services, "subscription", there["subscription_id"], source="webhook")


def second_card(shopper: Shopper) -> None:
    """Have a card on file that nothing is charged to."""
    bought(shopper)
    shopper.visitor.get("/payment-methods")
    page = shopper.visitor.submit(button="Add a card", status=303, follow=False)
    shopper.come_back(pay_at(str(page.response.headers["Location"]), "5555555555554444"))


def checkout_open(shopper: Shopper) -> None:
    shopper.choose()


def lost_cancellation(shopper: Shopper) -> None:
    bought(shopper)
    shopper.visitor.get(own(shopper, "/cancellation"))
    weather = {"api": {"next": ["timeout_after_effect"], "match": {"method": "POST"}, "hold_s": 0.1}}
    shopper.sandbox.control("faults", weather)
    shopper.visitor.submit(action=own(shopper, "/cancellation"))
    shopper.sandbox.control("faults", {})


def colleague(shopper: Shopper) -> None:
    account = shopper.rows("select account_id from billing.members")[0]["account_id"]
    sign_in(shopper.visitor.app, "colleague@example.com", role="viewer", account_id=account)


def invited(shopper: Shopper) -> None:
    shopper.visitor.get("/account/members")
    given = {"email": "colleague@example.com", "role": "viewer"}
    shopper.visitor.submit(given, action="/account/invitations", button="Invite", status=201)


def invited_here(shopper: Shopper) -> None:
    """Be invited by another account."""
    from tests.harness.people import wear
    from tests.visitor import Visitor

    app = shopper.visitor.app
    host = wear(Visitor(app), sign_in(app, "host@example.com"))
    host.get("/account/members")
    given = {"email": shopper.email, "role": "viewer"}
    host.submit(given, action="/account/invitations", button="Invite", status=201)


def in_two_accounts(shopper: Shopper) -> None:
    invited_here(shopper)
    shopper.visitor.get("/invitations")
    shopper.visitor.submit(action="/acceptance")


def homeless(shopper: Shopper) -> None:
    """Belong to no account, with an invitation waiting."""
    invited_here(shopper)
    _write(shopper, "delete from billing.members where user_id = %s", user_of(shopper))


def elsewhere_too(shopper: Shopper) -> None:
    from portal.db import transaction
    from portal.people import sessions
    from tests.harness.people import signed_in

    services = shopper.services
    proof = signed_in(user_id=user_of(shopper), email=shopper.email)
    with transaction.as_web(services.pool, user_of(shopper)) as conn:
        sessions.create(conn, services.keyring, proof, sessions.Visit("Elsewhere/1", "127.0.0.2"))


def really(shopper: Shopper) -> None:
    """Sign in at the provider, as what follows asks it."""
    from tests.visitor import Visitor

    shopper.email = "ada@example.com"
    shopper.visitor = Visitor(shopper.visitor.app)
    shopper.visitor.sign_in(shopper.email)


def enrolling(shopper: Shopper) -> None:
    really(shopper)
    shopper.visitor.get("/account/second-factor")
    shopper.visitor.submit(action="/account/second-factor/enrolment")


def with_second_factor(shopper: Shopper) -> None:
    enrolling(shopper)
    page = shopper.visitor.last
    assert page is not None
    shopper.visitor.submit({"code": totp(str(page.soup.code.text))}, action="/account/second-factor")  # type: ignore[union-attr]


def address_confirmed(shopper: Shopper) -> None:
    """Have a customer at Zoho, and have agreed to a new address at the old one."""
    really(shopper)
    shopper.buy("analytics-m")
    shopper.visitor.get("/account/email")
    shopper.visitor.submit({"email": "countess@example.com"}, action="/account/email")
    old = mailed_links(shopper.sandbox, shopper.email)[0]
    shopper.visitor.get(follow(old, shopper.visitor.base_url))


# --- where things are -------------------------------------------------------------------------------


def own(shopper: Shopper, noun: str = "") -> str:
    """The address of the shopper's subscription, or of a noun under it."""
    return f"/subscriptions/{_only(shopper, 'subscriptions')}{noun}"


def _only(shopper: Shopper, table: str, extra: str = "") -> Any:
    return shopper.rows(f"select id from billing.{table} where account_id is not null {extra}")[0]["id"]


def at(noun: str) -> Callable[[Shopper], str]:
    return lambda shopper: own(shopper, noun)


def page(path: str) -> Callable[[Shopper], str]:
    return lambda _: path


def invoice_payment(shopper: Shopper) -> str:
    return f"/invoices/{_only(shopper, 'invoices', 'and balance > 0')}/payment"


def free_card(shopper: Shopper) -> str:
    return f"/payment-methods/{_only(shopper, 'payment_methods', _UNUSED)}/removal"


_UNUSED = "and gone_at is null and zoho_id not in (select payment_method_zoho_id from billing.subscriptions)"


def colleagues_page(shopper: Shopper) -> str:
    found = shopper.rows("select id from billing.users where email = 'colleague@example.com'")
    return f"/account/members/{found[0]['id']}"


def user_of(shopper: Shopper) -> Any:
    return shopper.rows("select id from billing.users where email = %s", shopper.email)[0]["id"]


def new_link(shopper: Shopper) -> str:
    return follow(mailed_links(shopper.sandbox, "countess@example.com")[0], shopper.visitor.base_url)


def _write(shopper: Shopper, statement: str, *values: Any) -> None:
    from portal.db import transaction

    with transaction.as_worker(shopper.services.pool) as conn:
        conn.execute(statement, values)


# --- what is there afterwards -----------------------------------------------------------------------


def subscription(shopper: Shopper) -> dict[str, Any]:
    return shopper.subscriptions_at_zoho()[0]


def _invoices(shopper: Shopper) -> list[dict[str, Any]]:
    there = {one["customer_id"] for one in shopper.customers_at_zoho()}
    return [one for one in shopper.sandbox.state("invoices") if one["customer_id"] in there]


def plans(shopper: Shopper) -> list[str]:
    return sorted(one["plan"]["plan_code"] for one in shopper.subscriptions_at_zoho())


def status(shopper: Shopper) -> str:
    return str(subscription(shopper)["status"])


def plan_and_invoices(shopper: Shopper) -> tuple[str, int]:
    return subscription(shopper)["plan"]["plan_code"], len(_invoices(shopper))


def is_scheduled(shopper: Shopper) -> bool:
    found = shopper.services.zoho.fetch_subscription(subscription(shopper)["subscription_id"])
    return found.has_scheduled_change


def card(shopper: Shopper) -> str:
    return str(subscription(shopper)["card"]["last_four_digits"])


def cards(shopper: Shopper) -> list[str]:
    there = {one["customer_id"] for one in shopper.customers_at_zoho()}
    return sorted(
        one["last_four_digits"] for one in shopper.sandbox.state("cards") if one["customer_id"] in there
    )


def paid_times(shopper: Shopper) -> int:
    """How often the owed invoice was paid."""
    invoice = max(_invoices(shopper), key=lambda one: one["invoice_id"])["invoice_id"]
    good = [one for one in shopper.sandbox.state("payments") if one.get("status") != "failure"]
    return sum(any(part["invoice_id"] == invoice for part in payment["invoices"]) for payment in good)


def open_pages(shopper: Shopper) -> list[str]:
    """The kinds of hosted pages that wait for this person."""
    return [row["kind"] for row in shopper.checkouts() if row["state"] == "open"]


def attempts(shopper: Shopper) -> list[str]:
    return [row["state"] for row in shopper.checkouts()]


def city(shopper: Shopper) -> str:
    found = shopper.services.zoho.fetch_customer(shopper.customers_at_zoho()[0]["customer_id"])
    return str(found.raw["billing_address"]["city"])


def intents(shopper: Shopper) -> list[str]:
    return [row["state"] for row in shopper.rows("select state from billing.intents where kind = 'cancel'")]


def invitations(shopper: Shopper) -> tuple[int, int]:
    """Open invitations, and mails about one."""
    waiting = shopper.rows(
        "select id from billing.invitations where accepted_at is null and revoked_at is null"
    )
    mails = shopper.rows("select id from billing.outbox where template = 'invitation'")
    return len(waiting), len(mails)


def role(shopper: Shopper) -> list[str]:
    found = shopper.rows(
        "select m.role from billing.members m join billing.users u on u.id = m.user_id"
        " where u.email = 'colleague@example.com'"
    )
    return [row["role"] for row in found]


def accounts(shopper: Shopper) -> int:
    return len(shopper.rows("select 1 from billing.members where user_id = %s", user_of(shopper)))


def sight(shopper: Shopper) -> str:
    found = shopper.rows(
        "select a.name from billing.sessions s join billing.accounts a on a.id = s.account_id"
        " where s.user_id = %s and s.ended_at is null",
        user_of(shopper),
    )
    return str(found[0]["name"])


def live_sessions(shopper: Shopper) -> int:
    found = shopper.rows(
        "select 1 from billing.sessions where user_id = %s and ended_at is null", user_of(shopper)
    )
    return len(found)


def name(shopper: Shopper) -> str:
    return str(
        shopper.rows("select display_name from billing.users where email = %s", shopper.email)[0][
            "display_name"
        ]
    )


def notices(shopper: Shopper) -> int:
    return len(shopper.rows("select 1 from billing.outbox where template = 'security_notice'"))


def mails_to_new(shopper: Shopper) -> int:
    return len(shopper.sandbox.mail("countess@example.com"))


def addresses(shopper: Shopper) -> list[str]:
    return [
        one["email"] for one in shopper.sandbox.state("customers") if one["email"] == "countess@example.com"
    ]


BOTH = {"allow_cancel": "both"}
PAUSING = {"allow_pause": True}
SUMMARY = {"plan": "team-m"}

ACTS = [
    # buying
    Act("buy on the hosted page", "plans.create_checkout", page("/checkouts/new"), open_pages,
        ["new_subscription"], action="/checkouts", query=SUMMARY, writes=2),
    Act("buy with a card on file", "plans.create_checkout", page("/checkouts/new"), plans,
        ["analytics-m", "team-m"], action="/checkouts", query={"plan": "analytics-m"}, arrange=bought),
    Act("buy the free plan", "plans.create_checkout", page("/checkouts/new"), plans, ["free"],
        action="/checkouts", query={"plan": "free"}, writes=2),
    Act("give a purchase up", "plans.cancel_checkout", lambda s: f"/checkouts/{s.checkouts()[0]['id']}",
        attempts, ["cancelled"], action="/cancellation", arrange=checkout_open, writes=0),
    Act("ask what became of a purchase", "plans.check_checkout",
        lambda s: f"/checkouts/{s.checkouts()[0]['id']}", attempts, ["open"], button="heck now",
        arrange=checkout_open, writes=0),
    # subscriptions
    Act("change the plan now", "subscriptions.create_plan_change", at("/plan-change"), plan_and_invoices,
        ("team-y", 2), query={"plan": "team-y"}, arrange=bought),
    Act("change the plan at the end", "subscriptions.create_plan_change", at("/plan-change"), is_scheduled,
        True, query={"plan": "starter-m", "quantity": 1, "when": "end"}, arrange=bought),
    Act("change the plan on the hosted page", "subscriptions.create_plan_change", at("/plan-change"),
        open_pages, ["update_subscription"], query={"plan": "scale-m"}, arrange=bought),
    Act("drop the planned change", "subscriptions.drop_scheduled_change", at("/scheduled-change"),
        is_scheduled, False, arrange=buy_and("/plan-change", plan="starter-m", when="end")),
    Act("cancel at the end", "subscriptions.create_cancellation", at("/cancellation"), status,
        "non_renewing", arrange=bought),
    Act("cancel now", "subscriptions.create_cancellation", at("/cancellation"), status, "cancelled",
        fills={"when": "now"}, arrange=bought, settings=BOTH),
    Act("keep it after all", "subscriptions.undo_cancellation", at("/cancellation/undo"), status, "live",
        arrange=buy_and("/cancellation")),
    Act("pause", "subscriptions.create_pause", at("/pause"), status, "paused", arrange=bought,
        settings=PAUSING),
    Act("resume", "subscriptions.create_resumption", at("/resumption"), status, "live",
        arrange=buy_and("/pause"), settings=PAUSING),
    Act("choose the card of a subscription", "subscriptions.choose_payment_method", at("/payment-method"),
        card, "4444", fills={"method": "4444"}, arrange=second_card),
    Act("choose a new card for a subscription", "subscriptions.choose_payment_method", at("/payment-method"),
        open_pages, ["update_card"], fills={"method": "new"}, arrange=bought),
    Act("ask what became of an act", "subscriptions.check_act",
        lambda s: f"/acts/{s.rows('select id from billing.intents order by created_at desc')[0]['id']}",
        intents, ["done"], button="Check now", arrange=lost_cancellation, writes=0),
    # money
    Act("pay an invoice with the card on file", "invoices.create_payment", invoice_payment, paid_times, 1,
        arrange=declined),
    Act("pay an invoice on the hosted page", "invoices.create_payment", invoice_payment, open_pages,
        ["invoice_payment"], fills={"method": "new"}, arrange=declined),
    Act("add a payment method", "payment_methods.create_payment_method", page("/payment-methods"),
        open_pages, ["add_payment_method"], button="Add a card", arrange=bought),
    Act("update a payment method", "payment_methods.update_payment_method", page("/payment-methods"),
        open_pages, ["update_payment_method"], button="Update", arrange=bought),
    Act("remove a payment method", "payment_methods.create_removal", free_card, cards, ["1111"],
        arrange=second_card),
    # account
    Act("save the billing details", "account.update_billing_details", page("/account/billing-details"), city,
        "Aachen", fills={"city": "Aachen"}, arrange=bought),
    Act("invite somebody", "account.create_invitation", page("/account/members"), invitations, (1, 1),
        action="/account/invitations", button="Invite",
        fills={"email": "colleague@example.com", "role": "viewer"}, writes=0,
        answers=frozenset({201, 303})),
    Act("withdraw an invitation", "account.withdraw_invitation", page("/account/members"), invitations,
        (0, 1), action="/withdrawal", arrange=invited, writes=0),
    Act("accept an invitation", "account.accept_invitation", page("/invitations"), accounts, 2,
        action="/acceptance", arrange=invited_here, writes=0),
    Act("make an account of one's own", "account.create_account", page("/invitations"), accounts, 1,
        action="/accounts", arrange=homeless, writes=0),
    Act("look at another account", "account.switch", page("/account"), sight, "newcomer@example.com",
        action="/account/choice", arrange=in_two_accounts, writes=0),
    Act("change a role", "account.change_role", colleagues_page, role, ["billing"], action="/role",
        fills={"role": "billing"}, arrange=colleague, writes=0),
    Act("remove a member", "account.remove_member", colleagues_page, role, [], action="/removal",
        arrange=colleague, writes=0, answers=frozenset({303, 404})),
    Act("end a session", "account.end_session", page("/account/sessions"), live_sessions, 1,
        action="/end", button="Elsewhere", arrange=elsewhere_too, writes=0),
    # one's login, at the identity provider
    Act("save the profile", "account.update_profile", page("/account/profile"), name, "Ada King",
        fills={"name": "Ada King"}, arrange=really, writes=0),
    Act("change the password", "account.change_password", page("/account/password"), notices, 1,
        fills={"present": "correct horse battery staple", "password": NEW_PASSWORD}, arrange=really,
        writes=0, answers=frozenset({303, 422})),
    Act("ask for another e-mail address", "account.change_email", page("/account/email"), mails_to_new, 1,
        fills={"email": "countess@example.com"}, arrange=really, writes=0, answers=frozenset({303, 422})),
    Act("confirm another e-mail address", "auth.confirm", new_link, addresses, ["countess@example.com"],
        action="/confirmation", arrange=address_confirmed, answers=frozenset({303, 410})),
    Act("ask for a second factor", "account.begin_enrolment", page("/account/second-factor"), notices, 0,
        action="/enrolment", arrange=really, writes=0),
    Act("turn the second factor on", "account.turn_on", page("/account/second-factor/enrolment"), notices, 1,
        action="/account/second-factor", fills={"code": "now"}, arrange=enrolling, writes=0,
        answers=frozenset({303, 422, 429})),
    Act("turn the second factor off", "account.remove_app", page("/account/second-factor"), notices, 2,
        action="/removal", arrange=with_second_factor, writes=0),
    Act("sign out everywhere", "account.end_all_sessions", page("/account/sessions"), live_sessions, 0,
        action="/account/sessions/end", arrange=really, writes=0),
]  # fmt: skip
