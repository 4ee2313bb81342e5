"""Proving that somebody knows a password, within the limits of AUT-04; the same for unknown addresses."""

import structlog

from portal.db.transaction import as_web
from portal.people.auth_errors import EmailNotConfirmed, TooManyTries, WrongCredentials
from portal.people.supabase_auth import SignedIn
from portal.web import limits, places
from portal.web.current import client_ip, current_services

log = structlog.get_logger()


def of_password(email: str, password: str) -> SignedIn:
    """Check a password with the identity provider; its sign-in comes back.

    Raises an :class:`~portal.people.auth_errors.IdentityError`, or :class:`limits.TooMany`.
    """
    services, ip = current_services(), client_ip()
    address = limits.address_key("sign-in", ip)
    free = limits.FAILURES_PER_ADDRESS * services.settings.rate_limit_scale
    with as_web(services.pool) as conn:
        account = places.account_key(conn, "sign-in", email)
        limits.check_failures(conn, account, free=limits.FAILURES_PER_ACCOUNT)
        limits.check_failures(conn, address, free=free)
    try:
        signed_in = services.auth.sign_in(email, password, ip=ip)
    except (WrongCredentials, EmailNotConfirmed, TooManyTries) as refusal:
        log.warning("sign-in failed", reason=type(refusal).__name__, account=account)
        with as_web(services.pool) as conn:
            limits.record_failure(conn, account)
            limits.record_failure(conn, address)
            limits.record_failure_of_anybody(conn)
        raise
    with as_web(services.pool) as conn:
        limits.clear(conn, account)
    return signed_in
