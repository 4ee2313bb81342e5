"""The state machines of acts, of the inbox and of the token, driven at random (CONV-09).

Each rule is something that may happen at any time: a click, an answer, a death, a look, the passing of time.
What must always hold is looked at after every one of them; at the end all that is open has to come to rest.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from portal import clock
from portal.db import transaction
from portal.errors import Conflict, PortalError
from portal.sync import inbox, intents
from portal.sync.inbox import Claim, Delivery
from portal.sync.intents import Act, Intent, Wish
from portal.sync.subjects import Subject
from portal.zoho import errors
from portal.zoho.oauth import Grant
from portal.zoho.tokens import Tokens

BEGAN = datetime(2026, 11, 25, 12, tzinfo=UTC)
# A moment, longer than any lease, longer than any patience.
SPANS = st.sampled_from([1, 70, 4000])
FATES = ("yes", "no", "lost", "lost afterwards", "dies", "dies afterwards", "unsent")


class Died(Exception):
    """The process is gone, in the middle of what it did."""


class Timed(RuleBasedStateMachine):
    """A machine in a world whose time it says itself."""

    def __init__(self, pool: Any, conn: Any, table: str) -> None:
        super().__init__()
        self.pool, self.conn, self.table, self.now = pool, conn, table, BEGAN
        conn.execute(f"delete from billing.{table}")
        self._clock = clock.replaced_by(lambda: self.now)
        self._clock.__enter__()

    @rule(seconds=SPANS)
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.conn.execute(f"select * from billing.{self.table}").fetchall()
        return found

    def teardown(self) -> None:
        try:
            self.come_to_rest()
        finally:
            self._clock.__exit__(None, None, None)

    def come_to_rest(self) -> None:
        """Let all that is open end, and look whether it does."""


class Acts(Timed):
    """Keys are clicked, answers are lost, processes die: each key has at most one effect (INV-2)."""

    def __init__(self, pool: Any, conn: Any) -> None:
        super().__init__(pool, conn, "intents")
        self.services: Any = SimpleNamespace(pool=pool)
        self.effects: Counter[str] = Counter()
        self.fate = "yes"
        self.acts = {"act": Act(self._call, self._look_up, lambda *_: None)}

    def _call(self, _services: Any, intent: Intent) -> dict[str, Any]:
        if self.fate in ("yes", "lost afterwards", "dies afterwards"):
            self.effects[intent.key] += 1
        if self.fate == "no":
            raise errors.Rejected(1, "no", 400)
        if self.fate.startswith("lost"):
            raise errors.OutcomeUnknown("no answer")
        if self.fate.startswith("dies"):
            raise Died
        return {}

    def _look_up(self, _services: Any, intent: Intent) -> dict[str, Any] | None:
        return {} if self.effects[intent.key] else None

    @rule(key=st.sampled_from("ab"), fate=st.sampled_from(FATES))
    def click(self, key: str, fate: str) -> None:
        wish = Wish(key, "act", None, None, {}, "thing", "1")  # type: ignore[arg-type] - nobody's, for short
        try:
            with transaction.as_worker(self.pool) as conn:
                intent = intents.record(conn, wish)
        except Conflict:  # the other key's is under way
            return
        self.fate = fate
        if fate == "unsent":  # died between the commit and the call
            return
        try:
            told = intents.perform(self.services, self.acts, intent.id)
        except Died:
            return
        assert (told.state == "done") <= (self.effects[key] == 1), told

    @rule()
    def look(self) -> None:
        self.fate = "yes"
        with transaction.as_worker(self.pool) as conn:
            due = intents.list_due(conn)
        for intent_id in due:
            intents.resolve(self.services, self.acts, intent_id)

    @invariant()
    def each_has_the_effect_that_it_tells(self) -> None:
        assert max(self.effects.values(), default=0) <= 1
        for row in self.rows():
            if row["state"] == "done":
                assert self.effects[row["key"]] == 1, row
            if row["state"] in ("refused", "abandoned"):
                assert self.effects[row["key"]] == 0, row

    def come_to_rest(self) -> None:
        for _ in range(12):
            self.time_passes(120)
            self.look()
        assert {row["state"] for row in self.rows()} <= set(intents.SETTLED)


class Inbox(Timed):
    """Deliveries come twice, workers die, fail and overtake each other: none is lost (INV-4)."""

    def __init__(self, pool: Any, conn: Any) -> None:
        super().__init__(pool, conn, "inbox")
        self.subject = Subject("invoice", "1")
        self.kept: set[str] = set()
        self.held: list[tuple[Claim, datetime]] = []
        self.applied: set[Any] = set()

    @rule(key=st.sampled_from("ab"))
    def deliver(self, key: str) -> None:
        with transaction.as_web(self.pool) as conn:
            is_new = inbox.store(conn, Delivery(key, subjects=[self.subject], event_type="t"))
        assert is_new == (key not in self.kept)
        self.kept.add(key)

    @rule()
    def take(self) -> None:
        with transaction.as_worker(self.pool) as conn:
            taken = inbox.claim(conn, self.subject)
        if taken is None:
            return
        mine = {row["id"] for row in taken.rows}
        for other, until in self.held:
            assert until <= self.now or not mine & {row["id"] for row in other.rows}
        self.held.append((taken, self.now + inbox.HOLD))

    @precondition(lambda self: self.held)
    @rule(which=st.integers(0, 1), ends=st.sampled_from(["applied", "failed", "poison", "lost", "dies"]))
    def end(self, which: int, ends: str) -> None:
        taken, _ = self.held.pop(which % len(self.held))
        with transaction.as_worker(self.pool) as conn:
            if ends == "applied":
                inbox.mark_applied(conn, taken, {})
                self.applied |= {row["id"] for row in taken.rows}
            elif ends == "lost":
                inbox.give_back(conn, taken)
            elif ends != "dies":
                inbox.mark_failed(conn, taken, "no", poisonous=ends == "poison")

    @invariant()
    def none_is_lost_and_none_is_undone(self) -> None:
        rows = self.rows()
        assert {row["dedupe_key"] for row in rows} == self.kept
        for row in rows:
            assert row["attempts"] >= 0
            assert row["state"] == "applied" or row["id"] not in self.applied, row
            if row["state"] == "dead":
                assert row["attempts"] >= inbox.MIN_ATTEMPTS
                assert self.now - row["received_at"] >= inbox.MIN_AGE

    def come_to_rest(self) -> None:
        self.held.clear()  # whoever had them is dead
        self.time_passes(int(timedelta(days=2).total_seconds()))
        with transaction.as_worker(self.pool) as conn:
            due = inbox.list_due(conn)
        for _ in due:
            self.take()
        while self.held:
            self.end(0, "applied")
        assert {row["state"] for row in self.rows()} <= {"applied", "dead"}


class Renewals(Timed):
    """Three processes want the token while the accounts server does as it pleases (API-07, INV-8)."""

    def __init__(self, pool: Any, conn: Any, settings: Any, keyring: Any) -> None:
        super().__init__(pool, conn, "oauth_tokens")
        self.asked: list[datetime] = []
        self.fate = "yes"
        accounts: Any = SimpleNamespace(url="https://accounts.invalid", refresh=self._refresh)
        self.processes = [Tokens(settings, pool, keyring, accounts, sleep=self._sleep) for _ in range(3)]

    def _sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def _refresh(self, _refresh_token: str) -> Grant:
        self.asked.append(self.now)
        if self.fate == "throttled":
            raise errors.TokenThrottled(retry_at=self.now + timedelta(minutes=10))
        if self.fate == "refused":
            raise errors.Unauthorized("revoked", "connect again")
        if self.fate == "unreachable":
            raise errors.Unreachable("no answer", sent=True)
        if self.fate == "dies":
            raise Died
        return Grant(f"token-{len(self.asked)}", self.now + timedelta(hours=1))

    @rule(
        process=st.integers(0, 2),
        fate=st.sampled_from(["yes", "yes", "throttled", "refused", "unreachable", "dies"]),
        is_early=st.booleans(),
    )
    def ask(self, process: int, fate: str, is_early: bool) -> None:
        self.fate = fate
        try:
            access = self.processes[process].access(early=is_early)
        except (PortalError, Died):
            return
        assert access.expires_at > self.now

    @rule(process=st.integers(0, 2))
    def ask_for_another(self, process: int) -> None:
        self.fate = "yes"
        try:
            refused = self.processes[process].access()
            access = self.processes[process].renewed(refused)
        except PortalError:
            return
        assert access.token != refused.token

    @invariant()
    def zoho_is_not_asked_too_often(self) -> None:
        for number, moment in enumerate(self.asked):
            until = moment + timedelta(minutes=10)
            assert sum(1 for other in self.asked[number:] if other < until) <= 3, self.asked

    def come_to_rest(self) -> None:
        self.time_passes(3600)
        self.fate = "yes"
        assert {tokens.access().token for tokens in self.processes} == {f"token-{len(self.asked)}"}
