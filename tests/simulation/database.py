"""The portal's database as the portal meets it: its connections, and what goes wrong on them.

What Postgres says in trouble, Postgres says here: a lock that was not had in time, a serialization failure
and a deadlock are raised by the server inside the transaction that they strike, and what is read-only is so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

import psycopg
from psycopg.generators import PQGen
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg_pool import PoolTimeout

from portal.db.pool import WAIT_SECONDS
from tests.simulation.power import Power
from tests.simulation.virtual import VirtualTime

# What strikes a share of the transactions: its name, and the SQLSTATE that the server answers with.
STATES = {"lock_timeout": "55P03", "serialization": "40001", "deadlock": "40P01"}
POOL = "pool_timeout"
TROUBLES = (POOL, *STATES)
# How the portal's own database troubles reach whoever called it without a page in between.
OUTAGES = (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction)
# Which statement of a transaction is struck, at most; one that has fewer gets through.
LATEST = 4

# Raises as the server does, so that the transaction is as broken as it would be.
STRIKE = """
create function simulation.strike(state text) returns void language plpgsql as $$
begin
  raise exception using errcode = state, message = 'struck by the weather';
end $$;
"""


@dataclass
class Weather:
    """Which transactions are struck by what, drawn from dice of their own; `struck` counts what happened."""

    virtual: VirtualTime
    dice: Random = field(default_factory=lambda: Random(0))
    shares: Mapping[str, float] = field(default_factory=dict)
    tell: Callable[[str], None] = lambda _text: None
    struck: Counter[str] = field(default_factory=Counter)
    read_only_until: datetime | None = None

    def draw(self) -> str:
        """The trouble of the transaction that begins now; none for most."""
        if not self.shares:
            return ""
        number = self.dice.random()
        for name in TROUBLES:
            number -= self.shares.get(name, 0.0)
            if number < 0:
                return name
        return ""

    def strike(self, name: str) -> None:
        self.struck[name] += 1
        self.tell(f"database: {name}")

    @property
    def is_read_only(self) -> bool:
        return self.read_only_until is not None and self.virtual.moment < self.read_only_until

    def clear(self) -> None:
        self.shares, self.read_only_until = {}, None


class Link(psycopg.Connection[dict[str, Any]]):
    """A connection on which one statement may meet trouble of the server's."""

    weather: Weather
    trouble: str = ""
    gets_through: int = 0
    is_read_only: bool = False

    def wait(self, gen: PQGen[Any], *given: Any, **named: Any) -> Any:
        """Every exchange with the server passes here."""
        if self.trouble:
            if self.gets_through == 0:
                gen.close()
                raise self._struck()
            self.gets_through -= 1
        return super().wait(gen, *given, **named)

    def take(self, weather: Weather) -> None:
        """Be handed out, under the weather of now."""
        self.weather, read_only = weather, weather.is_read_only
        if read_only != self.is_read_only:
            self._ask(f"set default_transaction_read_only = {read_only}")
            self.is_read_only = read_only

    def expect(self, trouble: str, gets_through: int) -> None:
        """Meet the trouble after so many statements."""
        self.trouble, self.gets_through = trouble, gets_through

    def give_back(self) -> None:
        self.trouble = ""
        if self.pgconn.transaction_status != TransactionStatus.IDLE:
            self.rollback()

    def _struck(self) -> psycopg.Error:
        name, self.trouble = self.trouble, ""
        self.weather.strike(name)
        return psycopg.errors.error_from_result(self._ask(f"select simulation.strike('{STATES[name]}')"))

    def _ask(self, statement: str) -> Any:
        return self.pgconn.exec_(statement.encode())


class Connections:
    """A pool for one thread: a connection that is free is used again. The portal sees psycopg_pool's face.

    Seeds share what is `free`: a new server process has to learn the whole schema first.
    """

    def __init__(self, url: str, power: Power, weather: Weather, free: list[Link]) -> None:
        self._url, self._free = url, free
        self.power, self.weather = power, weather
        self.is_up = True

    @contextmanager
    def connection(self, timeout: float | None = None) -> Iterator[Link]:
        del timeout
        self.power.point()
        weather = self.weather
        trouble = weather.draw()
        if trouble == POOL or not self.is_up:
            self._keep_waiting(trouble)
        conn = self._free.pop() if self._free else self._open()
        conn.take(weather)
        if trouble:
            conn.expect(trouble, weather.dice.randrange(LATEST))
        try:
            yield conn
        finally:
            conn.give_back()
            self._free.append(conn)
        self.power.point()

    def stop(self) -> None:
        """The server goes: nobody has a connection any more."""
        self.is_up = False
        self.close()

    def close(self) -> None:
        for conn in self._free:
            conn.close()
        self._free.clear()

    def _keep_waiting(self, trouble: str) -> None:
        self.weather.virtual.sleep(WAIT_SECONDS)
        if self.is_up:
            self.weather.strike(trouble)
        raise PoolTimeout(f"couldn't get a connection after {WAIT_SECONDS:.2f} sec")

    def _open(self) -> Link:
        return Link.connect(self._url, row_factory=dict_row, prepare_threshold=None, autocommit=True)
