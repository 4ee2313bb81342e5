"""Health for machines: the process, its database, its figures (design.md section 3).

`/healthz` says that the process answers, `/readyz` that the database does and has the present schema,
`/metrics` speaks Prometheus and is not public: it wants the bearer token of METRICS_TOKEN, or, where that
is not set, a caller on this machine who came through no proxy.

Machines call a process by an address or a container's name, so these answer to any Host; `/metrics` only
where the token is the proof, because a browser on this machine may be led here by somebody else's name.
"""

import hmac
import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING

import psycopg
from flask import Flask, Response, abort, current_app, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from psycopg_pool import PoolTimeout

from portal.db import migrate, transaction
from portal.services import Services
from portal.web import guard

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MACHINES = {"/healthz", "/readyz"}
_ANSWERS = "select count(*) as n from billing.organization"


def register(app: Flask) -> None:
    """Add the three addresses."""
    services: Services = app.extensions["services"]
    has_token = bool(services.settings.metrics_token.get_secret_value())
    app.wsgi_app = AnyHost(app.wsgi_app, MACHINES | ({"/metrics"} if has_token else set()))  # type: ignore[method-assign]
    app.add_url_rule("/healthz", "healthz", healthz)
    app.add_url_rule("/readyz", "readyz", readyz)
    app.add_url_rule("/metrics", "metrics", metrics)


class AnyHost:
    """WSGI: lets some addresses be asked for by whatever name the caller knows this machine."""

    def __init__(self, following: "WSGIApplication", paths: set[str]) -> None:
        self._next = following
        self._paths = paths

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Hand the request on, under a name that is ours."""
        if environ["PATH_INFO"] in self._paths:
            environ["HTTP_HOST"] = "localhost"
        return self._next(environ, start_response)


@guard.sessionless
def healthz() -> Response:
    """Answer that the process is alive; touches nothing else."""
    return Response("ok\n", content_type="text/plain; charset=utf-8")


@guard.sessionless
def readyz() -> Response:
    """Answer 200 when requests can be served, otherwise 503 with the part that is missing."""
    services: Services = current_app.extensions["services"]
    try:
        with transaction.as_worker(services.pool) as conn:
            conn.execute(_ANSWERS)
            missing = migrate.pending(conn)
    except (psycopg.OperationalError, PoolTimeout):
        return _not_ready("the database does not answer")
    except psycopg.Error:
        # It answers, and what is asked for is not there (or not for us): a role, the schema, a table.
        return _not_ready("the database lacks the portal's schema or roles; run `portal migrate`")
    if missing:
        return _not_ready(f"{len(missing)} migrations are missing; run `portal migrate`")
    return Response("ready\n", content_type="text/plain; charset=utf-8")


@guard.sessionless
def metrics() -> Response:
    """Return the figures of this process, to those who may see them."""
    if not _may_see_metrics():
        abort(404)
    return Response(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def _may_see_metrics() -> bool:
    services: Services = current_app.extensions["services"]
    token = services.settings.metrics_token.get_secret_value()
    if token:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), token.encode())
    came_by_proxy = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    return not came_by_proxy and ipaddress.ip_address(request.remote_addr or "0.0.0.0").is_loopback  # noqa: S104 # nosec B104


def _not_ready(why: str) -> Response:
    return Response(f"not ready: {why}\n", 503, content_type="text/plain; charset=utf-8")
