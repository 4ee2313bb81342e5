"""Who is asking: the opaque cookie, the session behind it, the services of this app.

One cookie does for everybody (SES-07): before sign-in it is random bits that bind a form and a sign-in
flow to a browser; after sign-in the hash of other bits is a row in ``sessions``. Nothing is looked up
until somebody asks, and once a request at most.

Flask's own session only ever carries notices from one page to the next (:class:`NoticeCookie`).
"""

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any

import flask_login
from flask import Flask, Response, current_app, g, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from werkzeug.exceptions import Forbidden
from werkzeug.local import LocalProxy

from portal.config import Settings
from portal.db.transaction import as_web
from portal.people import refreshing, sessions
from portal.people.sessions import LiveSession, Membership, Person, Visit
from portal.services import Services
from portal.web import new_address

_WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{43}")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def register(app: Flask) -> None:
    """Teach the app its cookies and Flask-Login our sessions."""
    settings: Settings = app.extensions["services"].settings
    app.session_interface = NoticeCookie()
    app.config.update(
        SESSION_COOKIE_NAME=_cookie_name("notice", secure=settings.is_secure),
        SESSION_COOKIE_SECURE=settings.is_secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
    )
    manager = flask_login.LoginManager()
    # The browser's address and program may change while a person moves about; the cookie is the proof.
    manager.session_protection = None
    manager.request_loader(lambda _: current_person())
    # Not init_app: it would look the person up for every template and touch Flask's session in every
    # response. `flask_login.current_user` needs no more than this.
    app.login_manager = manager  # type: ignore[attr-defined]
    # Proxies, so that the page that says "the database is down" does not ask the database who reads it.
    app.context_processor(
        lambda: {"person": LocalProxy(current_person), "account": LocalProxy(current_account)}
    )
    app.after_request(_store_cookie)


# --- what rooms ask for -----------------------------------------------------------------------------


def current_services() -> Services:
    services: Services = current_app.extensions["services"]
    return services


def current_session() -> LiveSession | None:
    """Return the session of this request, or None for a visitor."""
    if "live_session" not in g:
        g.live_session = live = _load()
        g.person = live.person if live else None
    found: LiveSession | None = g.live_session
    return found


def current_person() -> Person | None:
    """Return who is signed in, or None."""
    live = current_session()
    return live.person if live else None


def current_account() -> Membership | None:
    """Return the account that the person is looking at, or None."""
    live = current_session()
    return live.account if live else None


def signed_in_session() -> LiveSession:
    """Return the session; the guard has seen to it that there is one."""
    live = current_session()
    if live is None:
        raise Forbidden
    return live


def signed_in_account() -> Membership:
    """Return the account in sight; the guard has seen to it that there is one."""
    account = signed_in_session().account
    if account is None:
        raise Forbidden
    return account


def access_token() -> str:
    """Return the provider's token of this session, for an act there. Raises an IdentityError."""
    services = current_services()
    return refreshing.access_token(
        services.pool,
        services.keyring,
        services.auth,
        signed_in_session(),
        on_new_address=new_address.record,
    )


def visit() -> Visit:
    return Visit(user_agent=request.user_agent.string, ip=client_ip())


def client_ip() -> str:
    """Return the visitor's address, a whole IPv6 household as one."""
    return household(request.remote_addr or "")


@lru_cache(maxsize=1024)
def household(given: str) -> str:
    """Return an address as it is counted: of IPv6 the network, which one household has to itself."""
    try:
        address = ip_address(given)
    except ValueError:
        return given
    if isinstance(address, IPv6Address):
        return str(IPv6Address(int(address) >> 64 << 64))
    return given


# --- the cookie -------------------------------------------------------------------------------------


def visitor_cookie() -> str:
    """Return the browser's cookie value, making one if it has none yet."""
    cookie = g.get("new_cookie") or _given_cookie()
    if not cookie:
        cookie = g.new_cookie = sessions.new_cookie()
    return str(cookie)


def visitor_hash() -> bytes:
    """Return the name under which sign-in flows of this browser are kept."""
    return sessions.hash_of(visitor_cookie())


def begin_visit() -> None:
    """Answer with a new cookie for somebody who is not yet in."""
    begin_session(sessions.new_cookie())


def begin_session(cookie: str) -> None:
    """Answer with the cookie of a session that has just begun."""
    g.new_cookie = cookie
    g.pop("live_session", None)
    _forget_derived()


def forget_session() -> None:
    """Answer with the cookie taken away, and with the browser's copies of our pages (FIL-04)."""
    g.live_session = g.person = None
    g.drop_cookie = True
    _forget_derived()


def _forget_derived() -> None:
    """Let what was made for the person before be made anew (locales.py, csrf.py)."""
    g.pop("conventions", None)
    g.pop("csrf_token", None)


def _given_cookie() -> str:
    given = request.cookies.get(_session_cookie_name(), "")
    return given if _WELL_FORMED.fullmatch(given) else ""


def _load() -> LiveSession | None:
    # A session that has just begun counts at once, also for the rest of this request.
    cookie = g.get("new_cookie") or _given_cookie()
    if not cookie:
        return None
    services = current_services()
    kind = "read" if request.method in SAFE_METHODS else "write"
    with as_web(services.pool) as conn:
        live = sessions.find_live(conn, cookie, hit_kind=kind)
    if live and not refreshing.keep_going(
        services.pool, services.keyring, services.auth, live, on_new_address=new_address.record
    ):
        return None
    return live


def _store_cookie(response: Response) -> Response:
    settings = current_services().settings
    name, secure = _session_cookie_name(), settings.is_secure
    if g.get("drop_cookie"):
        response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="Lax")
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
    elif "new_cookie" in g:
        response.set_cookie(name, g.new_cookie, path="/", secure=secure, httponly=True, samesite="Lax")
    return response


def _session_cookie_name() -> str:
    return _cookie_name("session", secure=current_services().settings.is_secure)


def _cookie_name(name: str, *, secure: bool) -> str:
    # Browsers refuse the prefix without https, and the demo has none.
    return f"__Host-{name}" if secure else name


class NoticeCookie(SecureCookieSessionInterface):
    """Carries ``flask.flash`` messages to the next page and drops everything else."""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if session.modified:
            kept: dict[str, Any] = {key: session[key] for key in ("_flashes",) if key in session}
            only = SecureCookieSession(kept)
            only.modified, only.accessed = True, session.accessed
            super().save_session(app, only, response)
