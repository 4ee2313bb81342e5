"""Who may open which page: each view says so with a decorator, and a view that says nothing is shut.

::

    @guard.sessionless           machines: no cookie is read, no limit here (webhook, health, static files)
    @guard.public                anybody
    @guard.signed_in             anybody who has signed in
    @guard.member("billing")     a member of the account in sight, at least in this role
    @guard.staff                 the merchant's staff, with a second factor; a stranger gets 404
    @guard.fresh                 on top: proved who they are within ten minutes (SES-08)
    @guard.expensive             on top: twenty a minute (RL-01)

One hook keeps the order: address, session, cross-site checks, limits, role. The decision is made before the
view runs, by its endpoint, so a fragment is guarded like its page (HX-06).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, current_app, redirect, request, url_for
from werkzeug.exceptions import Forbidden, NotFound
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as AnyResponse

from portal.config import Settings
from portal.db.transaction import as_web
from portal.errors import Refused
from portal.people.auth_errors import AuthUnavailable, IdentityError, SessionGone, TooManyTries
from portal.people.sessions import LiveSession
from portal.web import csrf, limits
from portal.web.current import (
    SAFE_METHODS,
    client_ip,
    current_services,
    current_session,
    forget_session,
)
from portal.web.errors import error_page
from portal.web.next_page import safe_next as safe_next  # noqa: PLC0414 - rooms find it here as well
from portal.zoho import spending

log = structlog.get_logger()

Kind = Literal["nobody", "sessionless", "public", "signed_in", "member", "staff"]
Role = Literal["viewer", "billing", "owner"]
RANK: dict[str, int] = {"viewer": 1, "billing": 2, "owner": 3}
View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Rule:
    """What a view asks of whoever opens it."""

    kind: Kind = "nobody"
    role: str = ""
    is_fresh: bool = False
    is_expensive: bool = False

    def __str__(self) -> str:
        words = [f"member:{self.role}" if self.kind == "member" else self.kind]
        words += ["fresh"] if self.is_fresh else []
        return " ".join(words)


class NotAllowed(Forbidden):
    """This person may not open this page; the description says what would help."""

    is_for_people = True


def sessionless(view: View) -> View:
    return _marked(view, kind="sessionless")


def public(view: View) -> View:
    return _marked(view, kind="public")


def signed_in(view: View) -> View:
    return _marked(view, kind="signed_in")


def member(role: Role) -> Callable[[View], View]:
    return lambda view: _marked(view, kind="member", role=role)


def staff(view: View) -> View:
    return _marked(view, kind="staff")


def fresh(view: View) -> View:
    return _marked(view, is_fresh=True)


def expensive(view: View) -> View:
    return _marked(view, is_expensive=True)


def _marked(view: View, **changes: Any) -> View:
    rule = replace(getattr(view, "guard_rule", Rule()), **changes)
    view.guard_rule = rule  # type: ignore[attr-defined]
    return view


def register(app: Flask) -> None:
    """Put the guard in front of every view, and believe exactly the proxies that were configured."""
    settings: Settings = app.extensions["services"].settings
    app.config.setdefault("TRUSTED_HOSTS", None)
    if not app.config["TRUSTED_HOSTS"]:
        app.config["TRUSTED_HOSTS"] = _own_hosts(settings.base_url)
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count)  # type: ignore[method-assign]
    app.before_request(admit)
    # the thread's next work is somebody else's, and need not be a request
    app.teardown_request(lambda _error: spending.on_behalf_of(""))
    app.register_error_handler(IdentityError, _without_proof)


def rule_of(app: Flask, endpoint: str) -> Rule:
    """Return the rule of an endpoint; one without a rule is for nobody."""
    rule: Rule = getattr(app.view_functions[endpoint], "guard_rule", Rule())
    return rule


def matrix(app: Flask) -> list[tuple[str, str, str, str]]:
    """Return (path, methods, endpoint, rule) of every route, sorted: the list that tests compare (AC-02)."""
    rows = [
        (
            str(route),
            ",".join(sorted((route.methods or set()) - {"HEAD", "OPTIONS"})),
            route.endpoint,
            str(rule_of(app, route.endpoint)),
        )
        for route in app.url_map.iter_rules()
    ]
    return sorted(rows)


def admit() -> AnyResponse | None:
    """Let the request through, send it to sign in, or refuse it."""
    _check_address()
    if request.endpoint is None:
        return None
    rule = rule_of(current_app, request.endpoint)
    if rule.kind == "sessionless":
        csrf.check()
        return None
    live = current_session()
    spending.on_behalf_of(str(live.account.id) if live and live.account else "")
    csrf.check(for_account=rule.kind == "member")
    _count(rule, live)
    if rule.kind == "public":
        return None
    if rule.kind == "nobody":
        log.error("view without a guard", endpoint=request.endpoint)
        raise Forbidden
    if live is None:
        return to_sign_in()
    _check_role(rule, live)
    if rule.is_fresh and not live.is_fresh:
        return _send(url_for("auth.show_reauthentication", next=_asked_page()))
    return None


def _check_address() -> None:
    # Postgres keeps no NUL in a text, so no page could look for one (INP-01). Asked of every address, or
    # the answer would tell which of them are staff's (AC-07).
    if b"%00" in request.query_string or b"\0" in request.query_string:
        raise Refused("The address has a character in it that we cannot read. Start again from the list.")


def to_sign_in() -> AnyResponse:
    """Send a visitor to sign in and back to what they asked for."""
    return _send(url_for("auth.show_sign_in", next=_asked_page()))


def _without_proof(error: IdentityError) -> AnyResponse:
    """Answer for a view to which the identity provider refused its part."""
    if isinstance(error, SessionGone):
        forget_session()
        return to_sign_in()
    statuses = {AuthUnavailable: 503, TooManyTries: 429}
    return error_page(statuses.get(type(error), 422), error.message)


def _check_role(rule: Rule, live: LiveSession) -> None:
    person = live.person
    if rule.kind == "staff" and not (person.is_staff and person.aal == "aal2"):
        # What staff have is nobody's business: the answer is that of a page that does not exist (AC-07).
        raise NotFound
    if rule.kind != "member":
        return
    if live.account is None:
        raise NotAllowed("You do not belong to an account. Ask its owner to invite you.")
    if RANK[live.account.role] < RANK[rule.role]:
        log.warning("access denied", endpoint=request.endpoint, user=str(person.user_id))
        raise NotAllowed("Your role in this account does not allow that. Ask an owner of the account.")


def _count(rule: Rule, live: LiveSession | None) -> None:
    if live is None:
        with as_web(current_services().pool) as conn:
            excess = _hit_quietly(conn, limits.address_key("visit", client_ip()), limits.VISITS)
    else:
        most = limits.READS if request.method in SAFE_METHODS else limits.WRITES
        excess = limits.TooMany(limits.seconds_left_in_minute()) if live.hits > most * _scale() else None
        if excess is None and rule.is_expensive:
            with as_web(current_services().pool, live.person.user_id) as conn:
                excess = _hit_quietly(conn, f"expensive:{live.person.user_id}", limits.EXPENSIVE)
    if excess is not None:
        log.warning("rate limit reached", endpoint=request.endpoint)
        raise excess


def _hit_quietly(conn: Any, key: str, most: int) -> limits.TooMany | None:
    # Raised only after the commit: a refused request counts as well.
    try:
        limits.hit(conn, key, most=most * _scale())
    except limits.TooMany as excess:
        return excess
    return None


def _scale() -> int:
    return current_services().settings.rate_limit_scale


def _asked_page() -> str | None:
    """Return the page to come back to: this one, or the one whose form or fragment this was."""
    if request.method in SAFE_METHODS and "HX-Request" not in request.headers:
        asked = request.full_path if request.query_string else request.path
    else:
        where = urlsplit(request.headers.get("HX-Current-URL") or request.referrer or "")
        asked = where.path + (f"?{where.query}" if where.query else "")
    return safe_next(asked)


def _send(address: str) -> AnyResponse:
    if "HX-Request" in request.headers:
        # A sign-in page must never be swapped into a panel (HX-05).
        return Response(status=401, headers={"HX-Redirect": address})
    return redirect(address, 303)


def _own_hosts(base_url: str) -> list[str]:
    # Health checks of the container come by loopback; addresses in pages and mails never use the host.
    return [urlsplit(base_url).hostname or "", "127.0.0.1", "localhost"]
