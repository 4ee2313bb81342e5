"""A staff day with something on it: events in every state, differences, dead letters, runs, calls, mails."""

from __future__ import annotations

from datetime import timedelta

from tests.harness.worlds import Row, World

HOURS = 24
EVENT = b'{"event_id": "evt_1", "event_type": "invoice_updated", "data": {"invoice": {"invoice_id": "I1"}}}'


def plant(world: World) -> dict[str, str]:
    """Put the rows and return the pages to look at."""
    _calls(world)
    _mails(world)
    run = _runs(world)
    dead = _events(world)
    _differences(world, run)
    return {
        "overview": "/admin",
        "events": "/admin/events",
        "dead-letters": "/admin/events?state=dead",
        "event": f"/admin/events/{dead['id']}",
        "differences": "/admin/drift",
        "differences-all": "/admin/drift?standing=all",
        "runs": "/admin/runs",
        "run-in-progress": f"/admin/runs/{run['id']}",
        "mail": "/admin/mail",
        "customers": "/admin/customers",
        "nothing-found": "/admin/customers?q=nobody-has-this-name",
    }


def _calls(world: World) -> None:
    for hour in range(HOURS):
        for count in range(3 + hour * 7 % 23):
            at = world.now - timedelta(hours=hour, minutes=count)
            given = {"lane": "sync", "method": "GET", "endpoint": "invoices", "status": 200, "ms": 80 + count}
            world.put("zoho_calls", {"at": at, "outcome": "ok", **given})


def _mails(world: World) -> None:
    states = ["sent", "sent", "pending", "failed", "unknown", "stopped"]
    for number, state in enumerate(states):
        world.put(
            "outbox",
            {
                "template": "payment_failed",
                "entity": f"invoice:I{number}",
                "cause": f"failure:{number}",
                "recipient": "ada@example.com",
                "state": state,
                "last_error": "mailbox full" if state == "failed" else "",
                "sent_at": world.now if state == "sent" else None,
            },
        )


def _events(world: World) -> Row:
    states = ["applied", "applied", "applied", "pending", "failed", "ignored", "dead"]
    for number in range(40):
        state = states[number % len(states)]
        arrived = world.now - timedelta(minutes=31 * number)
        row = world.put(
            "inbox",
            {
                "dedupe_key": f"album-{number}",
                "kind": "webhook" if number % 3 else "pulled",
                "event_id": f"evt_{number}",
                "event_type": ["invoice_updated", "subscription_renewed", "payment_declined"][number % 3],
                "event_time": arrived - timedelta(seconds=4),
                "object_kind": ["invoice", "subscription", "payment"][number % 3],
                "object_zoho_id": f"5120000000{number:04}",
                "body": EVENT,
                "state": state,
                "attempts": {"applied": 1, "dead": 8, "failed": 3}.get(state, 0),
                "last_error": "Zoho answered 500 (code 9999)." if state in ("dead", "failed") else "",
                "received_at": arrived,
                "applied_at": arrived + timedelta(seconds=2) if state == "applied" else None,
            },
        )
        if state == "dead":
            dead = row
    return dead


def _runs(world: World) -> Row:
    done = {"state": "done", "calls": 61, "rows_read": 12_034, "rows_written": 3, "drift_found": 3}
    for days, kind in [(1, "full"), (2, "full"), (0, "hot"), (0, "events")]:
        at = world.now - timedelta(days=days, minutes=7)
        world.put(
            "sync_runs", {"kind": kind, "started_at": at, "finished_at": at + timedelta(minutes=2), **done}
        )
    failed = {"state": "failed", "problem": "Zoho asked for a pause; the run goes on later."}
    world.put("sync_runs", {"kind": "full", "started_at": world.now - timedelta(days=3), **failed})
    progress = {"what": "comparing invoices", "done": 4200, "total": 12_000}
    return world.put("sync_runs", {"kind": "full", "state": "running", "calls": 24, "progress": progress})


def _differences(world: World, run: Row) -> None:
    wrong = [
        ("amount", "49.00", "59.00"),
        ("next_billing_on", "2026-11-03", "2026-12-03"),
        ("quantity", "4", "5"),
    ]
    found = [
        ("differs", "subscription", wrong, "a webhook was lost"),
        ("missing_here", "invoice", [("", None, "sent")], "never announced"),
        ("missing_there", "payment_method", [("", "active", None)], "deleted at Zoho"),
    ]
    for number, (kind, what, fields, cause) in enumerate(found):
        given = {
            "run_id": run["id"],
            "kind": kind,
            "object_kind": what,
            "object_zoho_id": f"512000000{number:05}",
            "likely_cause": cause,
        }
        for days in range(number, 14, len(found)):
            repaired = {"repaired_at": world.now} if days >= len(found) else {}
            at = world.now - timedelta(days=days, hours=1)
            for field, ours, theirs in fields:
                values = {"field": field, "ours": ours, "theirs": theirs, **repaired}
                world.put("drift", {"found_at": at, **given, **values})
