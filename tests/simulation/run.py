"""One seed: draw, play with faults on, heal, reconcile once, judge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from time import perf_counter
from typing import Any

from portal.errors import PortalError
from portal.sync import reconcile
from tests.simulation import agenda
from tests.simulation import options as drawn
from tests.simulation.agenda import Happening
from tests.simulation.crowd import Crowd
from tests.simulation.effects import Recorder
from tests.simulation.history import History
from tests.simulation.judge import HOOK, Judge
from tests.simulation.mailbox import Mailbox
from tests.simulation.merchant import Merchant, Owner, Stranger
from tests.simulation.options import Options
from tests.simulation.outages import Outages
from tests.simulation.power import Crash
from tests.simulation.stage import Setting, Stage
from tests.simulation.worker import Worker

# How far one step moves the clock, in seconds at least and at most, with its weight.
MOVES = (((1, 30), 50), ((30, 600), 30), ((600, 7200), 14), ((7200, 86_400), 5), ((86_400, 2_600_000), 1))
QUICK = {"scan_inbox", "settle_checkouts", "resolve_intents", "send_mail"}
# Health after the faults: long enough for open purchases, lost answers and the slowest retry of an event.
HEALING_S = (10, 60, 360, 1800, 5400, 20_000, 43_200, 43_200)


@dataclass(frozen=True)
class Outcome:
    """What came of a seed."""

    options: Options
    history: History
    took_s: float

    @property
    def violations(self) -> list[str]:
        return self.history.violations


class Play:
    """The cast of one seed."""

    def __init__(self, setting: Setting, options: Options) -> None:
        self.setting, self.options = setting, options
        self.dice = Random(f"steps:{options.seed}")
        self.history = History(setting.virtual.now)
        self.mailbox = Mailbox(Random(f"mail:{options.seed}"), **options.mail)
        self.recorder = Recorder(setting.virtual)
        self.recorder.attend(setting.zoho)
        setting.mail = self.mailbox
        setting.network.latency = lambda: options.latency_s
        setting.virtual.skew = timedelta(seconds=options.skew_s)
        weather = setting.pool.weather
        weather.dice, weather.shares = Random(f"database:{options.seed}"), options.transactions
        weather.tell = self.history.note
        self.outages = Outages(setting, self.history, lambda: self.recorder.attend(setting.zoho))
        setting.start()
        self.crowd = Crowd(setting, self.history, self.dice, options)
        self.merchant = Merchant(setting, self.history, self.dice)
        self.stranger = Stranger(setting, self.history, self.dice)
        self.owner = Owner(setting, self.history, self.dice)
        self.worker = Worker(setting, self.history, self.dice)

    # --- the two halves -----------------------------------------------------------------------------

    def storm(self) -> None:
        """Faults, people, the merchant, time: step after step."""
        self._control("settings", self.options.questions)
        self.setting.world.switch({"auth_token_lifetime_s": self.options.token_s})
        if self.options.revoked:
            self.owner.connect()  # by a token of its own: the sandbox's published one cannot be lost
        self._set_weather(self.options.weather)
        names, happenings = list(self.options.weights), agenda.draw(self.options)
        for number in range(self.options.steps):
            for happening in happenings.get(number, []):
                self._happen(happening)
            name = self.dice.choices(names, weights=[self.options.weights[each] for each in names])[0]
            self._draw_trouble()
            getattr(self, f"_step_{name}")()
            self._deliver()

    def heal(self) -> None:
        """The weather clears, everybody stops, the worker does what its schedule says."""
        self.options = calm(self.options)
        self.setting.pool.weather.clear()
        self.outages.start_all()
        self._set_weather({})
        self.mailbox.refuse = self.mailbox.lose_answer = 0.0
        self.setting.start()
        for seconds in HEALING_S:
            if not self.owner.is_connected:
                self.owner.connect()
            self._move(seconds, awake=True)
        self.worker.thorough = True
        self._move(1000, awake=True)

    def settle(self) -> None:
        """One full reconciliation brings everything level; a second one finds nothing to write."""
        for number in (1, 2):
            try:
                run = reconcile.full(self.setting.services, options={"thorough": True}, wait=True)
            except PortalError as problem:
                self.history.violate("CONV-07", f"reconciliation {number} failed: {problem!r}")
                return
            if run.problem or not run.cursor.get("listed"):
                self.history.violate("CONV-07", f"reconciliation {number} did not finish: {run.problem}")
            if number == 1:
                # What it brought home has consequences (mails) that the worker sends.
                self.worker.tick(only=QUICK)
            elif run.rows_written:
                self.history.violate("CONV-07", f"the second pass wrote {run.rows_written} rows")
            self.setting.virtual.sleep(60)
        self.worker.tick(only=QUICK)
        self._count_what_struck()

    def _count_what_struck(self) -> None:
        """Beside the acts, how often each trouble really happened."""
        counts = self.history.counts
        for name, times in self.setting.pool.weather.struck.items():
            counts[f"database {name}"] += times
        for one in self.setting.network.passed:
            if one.path == HOOK and not one.body.endswith(b"}"):
                counts["webhook truncated"] += 1

    # --- steps --------------------------------------------------------------------------------------

    def _step_person(self) -> None:
        self.crowd.act()

    def _step_merchant(self) -> None:
        self.merchant.act()

    def _step_attacker(self) -> None:
        if "web" in self.setting.down:
            return
        try:
            self.stranger.act()
        except Crash:
            self.setting.start()

    def _step_worker(self) -> None:
        self.worker.tick(only=QUICK)

    def _step_weather(self) -> None:
        """The wind turns: other faults, or none for a while."""
        self._set_weather({} if self.dice.random() < 0.3 else drawn.weather(self.dice))

    def _step_crash(self) -> None:
        """A deploy: everything in memory is gone."""
        self.setting.start()

    def _step_connection(self) -> None:
        if self.options.revoked:
            self.setting.power.draw()
            self.owner.act()

    def _step_time(self) -> None:
        spans, weights = [span for span, _ in MOVES], [weight for _, weight in MOVES]
        least, most = self.dice.choices(spans, weights=weights)[0]
        self._move(self.dice.uniform(least, most), awake=self.dice.random() >= self.options.worker_asleep)

    def _move(self, seconds: float, *, awake: bool) -> None:
        """Let time pass, stopping at every morning's billing run; the worker wakes there, or sleeps."""
        virtual, world = self.setting.virtual, self.setting.world
        target = virtual.moment + timedelta(seconds=seconds)
        self.history.note(f"{seconds:.0f} s pass{'' if awake else ', the worker sleeps'}")
        while virtual.moment < target:
            morning = target if "zoho" in self.setting.down else world.next_job()
            virtual.moment = max(virtual.moment, min(target, morning))
            self._deliver()
            if awake:
                self._draw_trouble()
                self.worker.tick()
                self._deliver()

    def _deliver(self) -> None:
        """Let Zoho's courier bring what is due."""
        if "zoho" in self.setting.down:
            return
        self.setting.world.catch_up()
        try:
            self.setting.zoho.extensions["sandbox_courier"].pump()
        except Crash:
            self.history.note("the portal died while it took a delivery")
            self.setting.start()

    def _draw_trouble(self) -> None:
        """Decide whether the process dies, or the database goes away, somewhere in what comes now."""
        dice, options = self.dice, self.options
        crash = dice.random() < options.crash
        lose = dice.random() < options.database
        self.setting.power.draw(
            crash_in=dice.randint(1, 30) if crash else None, lose_in=dice.randint(1, 30) if lose else None
        )

    def _happen(self, happening: Happening) -> None:
        """What befalls both programs besides the weather."""
        virtual, weather = self.setting.virtual, self.setting.pool.weather
        if happening.what == "read only":
            weather.read_only_until = virtual.moment + timedelta(seconds=happening.seconds)
            self.history.note(f"the database is read-only for {happening.seconds} s")
            self.history.count("database read-only")
        elif happening.what == "clock":
            virtual.skew = timedelta(seconds=happening.seconds)
            self.history.note(f"the portal's clock jumps to {happening.seconds:+} s")
            self.history.count("the portal's clock jumps")
        elif happening.what == "stop":
            self.outages.stop(happening.part)
        else:
            self.outages.start(happening.part)

    def _set_weather(self, weather: dict[str, Any]) -> None:
        """Set the sandbox's weather; where that sets Zoho's clock back, say so."""
        if "zoho" in self.setting.down:
            return
        clock = self.setting.world.clock
        before = clock.skew
        self._control("faults", weather)
        if clock.skew != before:
            self.history.note(f"Zoho's clock is off by {clock.skew.total_seconds():+.0f} s")
            self.history.count("Zoho's clock set back" if clock.skew < before else "Zoho's clock set ahead")

    def _control(self, what: str, body: object) -> None:
        with self.setting.zoho.test_client() as control:
            answer = control.post(f"/_control/{what}", json=body)
        assert answer.status_code == 200, answer.get_data(as_text=True)


def play(stage: Stage, seed: int, steps: int) -> Outcome:
    """Play one seed to its end and judge it."""
    return play_with(stage, drawn.draw(seed, steps))


def play_with(stage: Stage, options: Options) -> Outcome:
    """Play what was drawn, or changed after it was."""
    started = perf_counter()
    with stage.play(str(options.seed)) as setting:
        cast = Play(setting, options)
        cast.storm()
        cast.heal()
        cast.settle()
        Judge(setting, cast.history, cast.mailbox, cast.recorder.effects).judge()
    return Outcome(options, cast.history, perf_counter() - started)


def calm(options: Options) -> Options:
    """The same seed without crashes and without trouble of the database."""
    return replace(options, crash=0.0, database=0.0, transactions={}, failovers=0, clock_jumps=0, swizzle=[])
