"""The invariants (INV-1 to INV-6, INV-8 to INV-11), judged over both programs' states, mail and history."""

from __future__ import annotations

import json
from collections import Counter, deque
from datetime import datetime, timedelta
from typing import Any

from portal.mirror.rows import LONGEST_LAG
from sandbox.webhooks.endpoints import DEMO_SECRET
from sandbox.webhooks.signing import HEADER, signature
from tests.simulation import aftermath, compare
from tests.simulation.effects import Effect, address, is_of, undoes
from tests.simulation.history import History
from tests.simulation.mailbox import Mailbox
from tests.simulation.stage import Setting

HOOK, API, TOKEN = "/webhooks/zoho", "/billing/v1/", "/oauth/v2/token"
TOKENS_IN_WINDOW = 3
ENDS = ("applied", "ignored", "dead")

# What a row of the inbox may fail with: trouble of others, never a mistake of ours.
EXCUSED = (
    *("Unreachable", "RateLimited", "BreakerOpen", "BudgetSpent", "Timeout", "BadAnswer", "Busy"),
    *("Unauthorized", "TokenThrottled", "OutcomeUnknown", "Rejected", "Unavailable"),
    *("DatabaseLost", "PoolTimeout", "LockNotAvailable", "SerializationFailure", "DeadlockDetected"),
    "ReadOnlySqlTransaction",
)


class Judge:
    """Looks at one seed's world."""

    def __init__(self, setting: Setting, history: History, mailbox: Mailbox, effects: list[Effect]) -> None:
        self.setting, self.history, self.mailbox, self.effects = setting, history, mailbox, effects

    def judge(self) -> None:
        """Judge everything that the end of a run shows."""
        for invariant, found in (
            ("INV-1", compare.differences(self.setting)),
            ("INV-2", self.clicks()),
            ("INV-3", self._mail()),
            ("INV-4", self._acknowledged()),
            ("INV-5", self._regressions()),
            ("INV-6", self._forged()),
            ("INV-8", self._calls()),
            ("INV-9", aftermath.money(self.setting)),
            ("INV-10", aftermath.stuck(self.setting)),
            ("INV-11", aftermath.unaudited(self.setting)),
            ("no surprise", self._surprises()),
        ):
            for text in found:
                self.history.violate(invariant, text)

    def clicks(self) -> list[str]:
        """One click, one effect at most; exactly one when it was told to be done; none when refused."""
        intents = self.setting.rows("select * from billing.intents order by created_at, id")
        found = [text for intent in intents for text in self._click(intent, intents)]
        # Zoho may keep a subscription whose first payment failed: that one is not bought.
        kept = compare.state(self.setting, "subscriptions")
        made = Counter(one.get("reference_id") for one in kept if one["status"] != "creation_failed")
        found += [f"{n} subscriptions of one key {key}" for key, n in made.items() if key and n > 1]
        pages = self.setting.rows(
            "select key, subscription_zoho_id from billing.checkouts"
            " where kind = 'new_subscription' and state in ('completed', 'cancelled', 'expired', 'failed')"
            " order by key"
        )
        for page in pages:
            if page["subscription_zoho_id"] is None and made[page["key"]]:
                found.append(f"the purchase {page['key']} was made and is told not to be")
        return found

    def _click(self, intent: dict[str, Any], intents: list[dict[str, Any]]) -> list[str]:
        mine = [one for one in self.effects if is_of(one, intent)]
        later = [
            other["called_at"]
            for other in intents
            if other["called_at"] is not None
            and intent["called_at"] is not None
            and other["id"] != intent["id"]
            and other["called_at"] > intent["called_at"]
            and address(other) == address(intent)
        ]
        # Every call takes time: what took effect in the moment in which the next one was sent is of this one.
        mine = [one for one in mine if not later or one.at <= min(later)]
        name = f"{intent['kind']} of {intent['subject_zoho_id']} ({intent['state']})"
        if len(mine) > 1:
            return [f"{name} took effect {len(mine)} times"]
        if intent["state"] == "done" and not mine and not self._was_there_anyway(intent):
            return [f"{name} was told to be done and is not"]
        if intent["state"] in ("refused", "abandoned") and mine and not self._is_gone_again(intent, mine[0]):
            return [f"{name} took effect all the same"]
        if intent["state"] not in ("done", "refused", "abandoned"):
            return [f"{name} was never settled"]
        return []

    def _was_there_anyway(self, intent: dict[str, Any]) -> bool:
        """Told to be done after a look: Zoho was in the wanted state, by whoever's act."""
        return intent["settled_at"] - intent["called_at"] > timedelta(seconds=4)

    def _is_gone_again(self, intent: dict[str, Any], done: Effect) -> bool:
        """Told not to be after a look: the merchant had undone or deleted it before anybody could see it."""
        if intent["kind"] == "create_subscription":
            made = {one.get("reference_id") for one in compare.state(self.setting, "subscriptions")}
            return intent["key"] not in made
        if intent["kind"] == "create_customer":
            known, email = intent["before"]["known"], intent["request"]["email"]
            customers = compare.state(self.setting, "customers")
            return not any(one["email"] == email and one["customer_id"] not in known for one in customers)
        return any(undoes(one, intent) and done.at <= one.at <= intent["settled_at"] for one in self.effects)

    def _mail(self) -> list[str]:
        twice = [key for key, n in self.mailbox.accepted.items() if n > 1]
        rows = self.setting.rows("select id, template, entity, cause, recipient, state from billing.outbox")
        by_id = {str(row["id"]): row for row in rows}
        causes = Counter(
            (row["template"], row["entity"], row["cause"], row["recipient"])
            for key in self.mailbox.accepted
            if (row := by_id.get(key.strip("<>").partition("@")[0])) is not None
        )
        found = [f"the mail {key} was sent {self.mailbox.accepted[key]} times" for key in twice]
        found += [f"{n} mails of one cause: {cause}" for cause, n in causes.items() if n > 1]
        stuck = [row for row in rows if row["state"] in ("pending", "sending")]
        return found + [f"the mail {row['template']} {row['entity']} stays {row['state']}" for row in stuck]

    def _acknowledged(self) -> list[str]:
        """What was answered with 200 is in the inbox, once, and came to an end."""
        rows = self.setting.rows("select event_id, state from billing.inbox")
        copies = Counter(row["event_id"] for row in rows)
        ended = {row["event_id"] for row in rows if row["state"] in ENDS}
        acknowledged = {_event_id(one.body) for one in self.setting.network.passed if _is_kept(one)}
        found = [f"the acknowledged event {one} is lost" for one in acknowledged - copies.keys()]
        found += [f"the event {one} never came to an end" for one in copies.keys() - ended]
        return found + [f"the event {one} is kept {n} times" for one, n in copies.items() if n > 1]

    def _regressions(self) -> list[str]:
        rows = self.setting.rows("select * from simulation.regressions order by seen_at")
        if self.history.counts["Zoho's clock set back"]:
            # What is stamped after that looks older; it is believed when no lag explains it.
            rows = [row for row in rows if row["apart"] <= LONGEST_LAG]
        return [f"{row['object']} went from {row['was']} to {row['became']}" for row in rows]

    def _forged(self) -> list[str]:
        return [
            f"a delivery with a wrong signature got {one.status}"
            for one in self.setting.network.passed
            if one.path == HOOK and not is_signed(one) and one.status < 400
        ]

    def _calls(self) -> list[str]:
        """The call budget in every window of 60 s, and the tokens asked for in every 10 minutes."""
        passed = self.setting.network.passed
        calls = [one.at for one in passed if one.path.startswith(API)]
        tokens = [one.at for one in passed if one.path == TOKEN and b"grant_type=refresh_token" in one.body]
        limit = self.setting.stage.settings.zoho_calls_per_minute
        found = []
        if (most := _most_within(calls, timedelta(seconds=60))) > limit:
            found.append(f"{most} calls within a minute, allowed are {limit}")
        if (most := _most_within(tokens, timedelta(minutes=10))) > TOKENS_IN_WINDOW:
            found.append(f"{most} tokens asked for within 10 minutes")
        return found

    def _surprises(self) -> list[str]:
        rows = self.setting.rows(
            "select distinct last_error from billing.inbox where last_error <> ''"
            " union select distinct problem from billing.sync_runs where state = 'failed'"
        )
        errors = [row["last_error"] for row in rows]
        broken = [one for one in self.setting.network.passed if one.path == HOOK and one.status == 500]
        found = [f"{len(broken)} deliveries met a mistake of ours"] if broken else []
        return found + [f"an event met {error}" for error in errors if not error.startswith(EXCUSED)]


def _most_within(moments: list[datetime], span: timedelta) -> int:
    window: deque[datetime] = deque()
    most = 0
    for moment in sorted(moments):
        window.append(moment)
        while moment - window[0] >= span:
            window.popleft()
        most = max(most, len(window))
    return most


def _is_kept(one: Any) -> bool:
    return bool(one.path == HOOK and one.status == 200 and _event_id(one.body))


def _event_id(body: bytes) -> str:
    try:
        return str(json.loads(body).get("event_id", ""))
    except ValueError:
        return ""


def is_signed(one: Any) -> bool:
    given = one.headers.get(HEADER, "")
    return given in {signature(DEMO_SECRET, one.body, kind) for kind in ("hex", "HEX", "base64")}
