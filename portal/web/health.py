"""Health for machines: the process, its database, its figures (design.md section 3).

`/healthz` says that the process answers, `/readyz` that the database does and has the present schema,
`/metrics` speaks Prometheus and is not public: it wants the bearer token of METRICS_TOKEN, or, where that
is not set, a caller on this machine who came through no proxy.
"""

import hmac
import ipaddress

import psycopg
from flask import Flask, Response, abort, current_app, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from psycopg_pool import PoolTimeout

from portal.db import migrate, transaction
from portal.services import Services
from portal.web import guard

_ANSWERS = "select count(*) as n from billing.organization"


def register(app: Flask) -> None:
    """Add the three addresses."""
    app.add_url_rule("/healthz", "healthz", healthz)
    app.add_url_rule("/readyz", "readyz", readyz)
    app.add_url_rule("/metrics", "metrics", metrics)


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
        missing = migrate.pending(services.settings.database_url.get_secret_value())
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
