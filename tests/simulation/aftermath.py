"""What the end of a run shows beside the comparison: money, what is stuck, what nobody wrote down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

from portal import clock
from portal.db.transaction import as_member
from portal.mirror import invoice_list
from tests.simulation import compare
from tests.simulation.stage import Setting

NOT_OWED = {"void", "draft", "pending"}
SETTLED = ("done", "refused", "abandoned")

# INV-10: each with the rows that it names when nothing is stuck.
STUCK = {
    "lease on an object": "select kind || ' ' || zoho_id as name from billing.object_reads"
    " where holder is not null and lease_until > %(now)s",
    "lease on a call": "select lane as name from billing.call_leases where expires_at > %(now)s",
    "lease on an act": "select kind as name from billing.intents where lease_until > %(now)s",
    "lease on a purchase": "select kind as name from billing.checkouts where lease_until > %(now)s",
    "lease on the token": "select organization_id as name from billing.oauth_tokens"
    " where refresh_lease_until > %(now)s",
    "purchase": "select kind || ' ' || state as name from billing.checkouts"
    " where state = 'preparing' and updated_at < %(long_ago)s",
    "run": "select kind as name from billing.sync_runs where state = 'running'",
    "job": "select task_name as name from jobs.procrastinate_jobs"
    " where status = 'todo' and scheduled_at < %(long_ago)s",
}
LIMIT = timedelta(minutes=10)


def money(setting: Setting) -> list[str]:
    """INV-9: what each person's list of invoices says is open, against what Zoho is owed."""
    owed = _owed(setting)
    found = []
    for account in setting.rows(
        "select a.id, a.zoho_customer_id, m.user_id from billing.accounts a"
        " join billing.members m on m.account_id = a.id where a.zoho_customer_id is not null order by a.id"
    ):
        with as_member(setting.services.pool, account["user_id"]) as conn:
            everything = invoice_list.Choice(today=clock.now().date())
            totals = invoice_list.find_page(conn, account["id"], everything, None, 1).totals
        shown = {row["currency_code"]: row["open"] for row in totals if row["open"]}
        wrong = [row for row in totals if not isinstance(row["open"], Decimal)]
        theirs = owed.get(account["zoho_customer_id"], {})
        if shown != theirs or wrong:
            found.append(f"customer {account['zoho_customer_id']} is shown {shown} open and owes {theirs}")
    return found


def _owed(setting: Setting) -> dict[str, dict[str, Decimal]]:
    owed: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for invoice in compare.state(setting, "invoices"):
        balance, currency = Decimal(str(invoice["balance"])), invoice["currency_code"]
        if balance and invoice["status"] not in NOT_OWED:
            sums = owed[invoice["customer_id"]]
            sums[currency] = sums.get(currency, Decimal(0)) + balance
    return owed


def stuck(setting: Setting) -> list[str]:
    """INV-10: leases, runs and jobs that outlived their limit."""
    moments = {"now": clock.now(), "long_ago": clock.now() - LIMIT}
    return [
        f"the {what} {row['name']} is stuck"
        for what, statement in STUCK.items()
        for row in setting.rows(statement, moments)
    ]


def unaudited(setting: Setting) -> Iterator[str]:
    """INV-11: every act that was sent to Zoho has its line in the trail."""
    lines: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in setting.rows("select * from billing.activity where detail ? 'request_hash'"):
        lines[line["detail"]["key"]].append(line)
    for intent in setting.rows("select * from billing.intents where called_at is not null order by id"):
        wanted = f"{intent['kind']}:{intent['state']}"
        mine = lines[intent["key"]]
        if intent["state"] in SETTLED and not any(_tells(line, intent, wanted) for line in mine):
            yield f"{wanted} of {intent['subject_zoho_id']} is in no line of the trail"


def _tells(line: dict[str, Any], intent: dict[str, Any], action: str) -> bool:
    return (
        line["action"] == action
        and line["detail"]["request_hash"] == intent["request_hash"]
        and line["actor_id"] == intent["user_id"]
    )
