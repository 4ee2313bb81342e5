"""`portal doctor`: is everything that the portal stands on there, and what to do where it is not.

Each check answers in one line. A check that another one stands on is not run when that one failed.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from uuid import uuid4

import psycopg
import requests

from portal import clock
from portal import services as composition
from portal.config import Settings
from portal.db import soundness, transaction, vault
from portal.db.soundness import Finding, Verdict
from portal.errors import PortalError
from portal.jobs import queue
from portal.people import tokens
from portal.services import Services

MARKS: dict[Verdict, str] = {"ok": "ok   ", "look": "look ", "bad": "BAD  "}
WORKER_SILENT_AFTER = timedelta(minutes=2)
SEEN_BY_CUSTOMERS = ("merchant_name", "support_email", "mail_from")
HTTP_TIMEOUT = (3.0, 10.0)

_LAST_BEAT = "select max(last_heartbeat) as at from jobs.procrastinate_workers"
_FORGET = "delete from billing.inbox where event_id = %s"
_SCHEMAS = "select current_setting('search_path')"
_STORED = "select count(*) as n from billing.inbox where event_id = %s"


def run(settings: Settings, out: Callable[[str], None] = print) -> int:
    """Check all that the portal runs with, the Vault's secrets too; return 0 when nothing is bad."""
    try:
        services = composition.build(vault.fill(settings), name="portal-doctor", pool_size=2)
    except PortalError as problem:
        out(f"{MARKS['bad']}settings: {problem.message}")
        return 2
    findings = examine(services)
    for finding in findings:
        out(f"{MARKS[finding.verdict]}{finding.name}: {finding.text}")
    services.close()
    return 2 if any(finding.verdict == "bad" for finding in findings) else 0


def examine(services: Services) -> list[Finding]:
    """Run every check in order; stop early when the database is not there."""
    findings = [
        Finding("settings", "ok", f"complete; base address {services.settings.base_url}"),
        *left_as_they_were(services.settings),
    ]
    database = soundness.examine(services.pool, services.settings.database_url.get_secret_value())
    findings += database
    if any(finding.verdict == "bad" for finding in database):
        return findings
    for check in (_identity, _zoho, _webhook, _mail, _queue, _worker):
        findings += check(services)
    return findings


def left_as_they_were(settings: Settings) -> Iterator[Finding]:
    """Name what works as it is and is hardly meant where others than this machine can look."""
    if settings.is_local:
        return
    if not settings.trusted_proxies:
        text = "TRUSTED_PROXIES is 0: all who come through a proxy count as one, and wait for each other."
        yield Finding("proxies", "look", text)
    defaults = {name: type(settings).model_fields[name].default for name in SEEN_BY_CUSTOMERS}
    demos = [name.upper() for name, default in defaults.items() if getattr(settings, name) == default]
    if demos:
        yield Finding("words", "look", f"{', '.join(demos)}: customers see the demo's. Set your own.")


def _zoho(services: Services) -> list[Finding]:
    if not services.settings.zoho_client_id.get_secret_value():
        return [Finding("zoho", "bad", "ZOHO_CLIENT_ID is not set. Make a client in Zoho's API console.")]
    try:
        organizations = services.zoho.fetch_organizations()
        services.zoho.list_plans()
        services.zoho.list_events()
    except PortalError as problem:
        return [Finding("zoho", "bad", f"{problem.message} {getattr(problem, 'what_to_do', '')}".strip())]
    wanted = services.settings.zoho_organization_id
    names = {organization.zoho_id: organization.name for organization in organizations}
    if wanted and wanted not in names:
        return [
            Finding("zoho", "bad", f"organisation {wanted} is not among those of this login. Connect again.")
        ]
    return [
        Finding("zoho", "ok", f"connected to {names.get(wanted, 'the default organisation')}, scopes suffice")
    ]


def _webhook(services: Services) -> list[Finding]:
    """Send ourselves a signed event the way Zoho would, and take it out of the inbox again."""
    secrets = services.settings.zoho_webhook_secrets
    if not secrets:
        return [Finding("webhook", "bad", "ZOHO_WEBHOOK_SECRETS is not set: every delivery is refused.")]
    event_id = f"doctor-{uuid4()}"
    body = json.dumps({"event_id": event_id, "event_type": "doctor_check", "data": {}}).encode()
    signature = hmac.new(secrets[0].get_secret_value().encode(), body, hashlib.sha256).hexdigest()
    address = f"{services.settings.base_url}/webhooks/zoho"
    headers = {"Content-Type": "application/json", "X-Zoho-Webhook-Signature": signature}
    try:
        answer = requests.post(address, body, headers=headers, timeout=HTTP_TIMEOUT, allow_redirects=False)
    except requests.RequestException as problem:
        return [Finding("webhook", "bad", f"{address} cannot be reached: {type(problem).__name__}.")]
    with transaction.as_worker(services.pool) as conn:
        stored = conn.execute(_STORED, [event_id]).fetchone()
        conn.execute(_FORGET, [event_id])
    if answer.status_code != requests.codes.ok or not stored or not stored["n"]:
        return [Finding("webhook", "bad", f"{address} answered {answer.status_code} and stored nothing.")]
    millis = round(answer.elapsed.total_seconds() * 1000)
    return [Finding("webhook", "ok", f"a signed delivery was acknowledged in {millis} ms and stored")]


def _identity(services: Services) -> list[Finding]:
    """Whether the identity provider answers, and whether it can be told whose address it is (SB-09)."""
    address = f"{services.settings.supabase_url}/auth/v1"
    try:
        answer = _ask_provider(services, f"{address}/health")
        keys = _ask_provider(services, f"{address}/.well-known/jwks.json").json().get("keys", [])
    except (requests.RequestException, ValueError, AttributeError) as problem:
        return [Finding("identity", "bad", f"{address} cannot be asked: {type(problem).__name__}.")]
    if answer.status_code != requests.codes.ok:
        return [
            Finding("identity", "bad", f"{address} answers {answer.status_code}. Check the Supabase keys.")
        ]
    if not any(tokens.is_usable(key) for key in keys):
        text = "it signs with no ES256 key, so nobody can sign in. Make an ECC (P-256) signing key there."
        return [Finding("identity", "bad", text)]
    ahead = _clock_ahead_of(answer)
    if abs(ahead) > tokens.LEEWAY and not services.settings.is_local:  # the demo's time travels
        text = (
            f"this machine's clock is {ahead.total_seconds():+.0f} s off: nobody can sign in. Set it by NTP."
        )
        return [Finding("identity", "bad", text)]
    if not services.settings.supabase_secret_key.get_secret_value():
        text = "SUPABASE_SECRET_KEY is not set: its rate limits see all your customers as one address."
        return [Finding("identity", "look", text)]
    return [Finding("identity", "ok", "answers; customers' own addresses are sent along")]


def _clock_ahead_of(answer: requests.Response) -> timedelta:
    """Return how far this machine's clock is ahead of another's, as far as an answer of that one tells."""
    try:
        return clock.now() - parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, TypeError, ValueError):
        return timedelta(0)


def _ask_provider(services: Services, address: str) -> requests.Response:
    key = services.settings.supabase_publishable_key.get_secret_value()
    return requests.get(address, headers={"apikey": key}, timeout=HTTP_TIMEOUT, allow_redirects=False)


def _mail(services: Services) -> list[Finding]:
    try:
        services.mail.check()
    except PortalError as problem:
        return [Finding("mail", "bad", f"{problem.message} Check SMTP_URL.")]
    return [Finding("mail", "ok", f"the server answers; mails come from {services.settings.mail_from}")]


def _queue(services: Services) -> list[Finding]:
    return list(queue_of(services.settings.database_url.get_secret_value()))


def queue_of(url: str) -> Iterator[Finding]:
    """Say so where no worker could work: it says its schemas as it connects, and listens."""
    try:
        with psycopg.connect(url, options=queue.OPTIONS, connect_timeout=5) as conn:
            row = conn.execute(_SCHEMAS).fetchone()
    except psycopg.OperationalError:
        row = None
    if not row or not row[0].startswith("jobs"):
        text = "no worker can work through this address. Give it the direct one or a pooler in session mode."
        yield Finding("queue", "look", text)


def _worker(services: Services) -> list[Finding]:
    with transaction.as_worker(services.pool) as conn:
        row = conn.execute(_LAST_BEAT).fetchone()
    beat = row["at"] if row else None
    if beat is None or clock.now() - beat > WORKER_SILENT_AFTER:
        return [Finding("worker", "bad", "no worker is running. Start `portal worker`.")]
    return [Finding("worker", "ok", f"beat {round((clock.now() - beat).total_seconds())} s ago")]
