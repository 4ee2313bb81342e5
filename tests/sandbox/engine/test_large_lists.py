"""A filtered and sorted list says the same whichever way its rows are found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import tx as transactions
from sandbox.store import Store

STATES = ("open", "open", "open", "void", "draft")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "world")
    with made.transaction() as tx:
        for number in range(60):
            state = STATES[number % len(STATES)]
            columns = {"state": state, "open": int(state == "open" and number % 2), "partial": number % 3 > 1}
            tx.put("invoices", f"i{number}", {"n": number}, date=f"2027-01-{number % 7 + 1:02d}", **columns)
    yield made
    made.close()


@pytest.mark.parametrize("desc", [False, True])
@pytest.mark.parametrize("where", [{"state": "open", "open": 0}, {"open": 1}, {"state": ["void", "draft"]}])
def test_both_ways_give_the_same_rows(
    store: Store, where: dict[str, object], desc: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.read() as tx:
        sorted_few = tx.find("invoices", where=where, order="date", desc=desc, limit=9, offset=3)
        monkeypatch.setattr(transactions, "FEW", 5)
        walked = tx.find("invoices", where=where, order="date", desc=desc, limit=9, offset=3)
    assert walked == sorted_few
    assert len(walked) == 9


def test_no_list_of_invoices_is_sorted_afresh_or_read_whole(store: Store) -> None:
    """What takes its order from an index looks at rows as it gives them away."""
    with store.read() as tx:
        assert tx.count("invoices") == 60
        clause, bound = tx._where("invoices", {"state": "open", "open": 0}, walked=True)
        asked = [tx._picked("invoices", None, order, desc=True) for order in ("date", "seq")]
        asked.append((f"SELECT seq FROM invoices{clause} ORDER BY date, seq", bound))
        plans = [
            row[3]
            for sql, values in asked
            for row in tx._connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)
        ]
    assert len(plans) == len(asked), plans
    assert all("COVERING INDEX" in step for step in plans), plans
