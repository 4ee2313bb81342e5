"""The store: what a transaction promises, and what happens when the world is replaced under its readers."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import store as stores
from sandbox.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    yield made
    made.close()


def test_what_failed_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as tx:
            tx.put("things", "1", {"a": 1}, owner="x")
            tx.next_number("INV-")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.transaction() as tx:
        assert tx.find("things") == []
        assert tx.next_number("INV-") == "INV-000001"
        tx.put("things", "1", {"a": 2}, owner="y")
        assert tx.find("things", where={"owner": "y"}) == [{"a": 2}]


def test_a_reader_sees_one_moment_and_not_what_is_being_written(store: Store) -> None:
    with store.transaction() as tx:
        tx.put("things", "1", {"a": 1}, owner="x")
    seen: list[int] = []

    def look() -> None:
        with store.read() as tx:
            seen.append(tx.count("things"))
            seen.append(len(tx.find("others", where={"owner": "x"})))

    with store.transaction() as tx:
        tx.put("things", "2", {"a": 2}, owner="x")
        tx.put("others", "1", {"a": 1}, owner="x")
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen == [1, 0]


def test_a_world_can_be_replaced_under_its_readers(store: Store) -> None:
    stop, trouble = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            try:
                with store.read() as tx:
                    rows = tx.find("things", where={"owner": "x"})
                    assert len({row["world"] for row in rows}) <= 1
            except Exception as error:  # noqa: BLE001 - whatever goes wrong in the thread is the finding
                trouble.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for world in range(25):
        store.replace(
            lambda tx, world=world: [tx.put("things", str(n), {"world": world}, owner="x") for n in range(5)]
        )  # type: ignore[misc]
        with store.transaction() as tx:
            tx.put("things", "more", {"world": world}, owner="x", later=1)
    stop.set()
    for thread in threads:
        thread.join()
    assert trouble == []


def test_a_file_that_goes_while_it_is_opened_is_looked_for_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite says "disk I/O error" where the journal beside a file vanishes under it."""
    with store.transaction() as tx:
        tx.put("things", "1", {"a": 1})
    real, failures = stores.connect, [sqlite3.OperationalError("disk I/O error")]

    def connect(path: Path) -> sqlite3.Connection:
        if failures:
            raise failures.pop()
        return real(path)

    monkeypatch.setattr(stores, "connect", connect)
    with store.read() as tx:
        assert tx.get("things", "1") == {"a": 1}
    assert not failures


def test_a_replacement_that_fails_changes_nothing(store: Store) -> None:
    with store.transaction() as tx:
        tx.put("things", "1", {"a": 1})
    with pytest.raises(ZeroDivisionError):
        store.replace(lambda _tx: 1 // 0)  # type: ignore[arg-type, return-value]
    with store.read() as tx:
        assert tx.get("things", "1") == {"a": 1}
    assert len(list(store.folder.glob("world-*.db"))) == 1


def test_callbacks_run_only_after_a_commit(store: Store) -> None:
    called: list[str] = []
    with store.transaction() as tx:
        tx.after_commit(lambda: called.append("done"))
        assert called == []

    def fail() -> None:
        with store.transaction() as tx:
            tx.after_commit(lambda: called.append("never"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert called == ["done"]


def test_a_store_is_found_again(tmp_path: Path) -> None:
    first = Store(tmp_path)
    first.replace(lambda tx: tx.put("things", "1", {"a": "ä"}, owner="x"))
    with first.transaction() as tx:
        numbers = [tx.next_id(), tx.next_number("")]
    first.close()
    again = Store(tmp_path)
    with again.transaction() as tx:
        assert tx.find("things", where={"owner": ["x", "y"]}) == [{"a": "ä"}]
        assert [tx.next_id(), tx.next_number("")] != numbers
    again.close()


@pytest.mark.parametrize("kind", ["Things", "a b", "x;y", "1a", ""])
def test_names_are_only_names(store: Store, kind: str) -> None:
    with pytest.raises(ValueError, match="not a kind"), store.transaction() as tx:
        tx.put(kind, "1", {})
