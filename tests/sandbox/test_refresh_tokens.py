"""Refresh tokens against a model of what Supabase documents, under generated orders of use and waits."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.store import Store
from sandbox.supabase_auth import sessions, users
from sandbox.supabase_auth.errors import AuthFailure

ISSUER = "http://127.0.0.1/auth/v1"
STEPS = st.lists(st.tuples(st.integers(0, 9), st.sampled_from([0, 1, 9, 11, 60])), max_size=14)


@dataclass
class Model:
    """One session: every token with its parent, and when it was spent."""

    tokens: list[str] = field(default_factory=list)
    parent: dict[str, str] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)
    ended: bool = False

    def made(self, token: str, parent: str) -> None:
        self.tokens.append(token)
        self.parent[token] = parent

    def expects(self, token: str, now: float) -> str:
        """`new`, `active` (the one it is the parent of), `theft` or `gone`."""
        if self.ended:
            return "gone"
        if token not in self.spent:
            return "new"
        active = [each for each in self.tokens if each not in self.spent]
        if active and self.parent[active[-1]] == token:
            return "active"
        return "new" if now <= self.spent[token] + 10 else "theft"


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_every_order_of_use_ends_as_supabase_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[tuple[int, int]]
) -> None:
    now = [time.time()]
    monkeypatch.setattr(sessions, "time", SimpleNamespace(time=lambda: now[0]))
    store = Store(tmp_path / str(time.monotonic_ns()))
    model = Model()
    with store.transaction() as tx:
        user = users.save(tx, users.build("ada@example.com"))
        model.made(sessions.start(tx, user, "password", ISSUER)["refresh_token"], "")
    for index, wait in steps:
        now[0] += wait + 0.001
        use(store, model, model.tokens[index % len(model.tokens)], now[0])
    store.close()


def use(store: Store, model: Model, token: str, now: float) -> None:
    expected = model.expects(token, now)
    try:
        with store.transaction() as tx:
            given = sessions.refresh(tx, token, ISSUER)["refresh_token"]
    except sessions.ReuseDetected as theft:
        assert expected == "theft"
        with store.transaction() as tx:
            sessions.end(tx, theft.session_id)
        model.ended = True
    except AuthFailure as refusal:
        assert refusal.code == "refresh_token_not_found"  # noqa: PT017 - every outcome is compared here
        assert expected == "gone"
    else:
        assert expected in ("new", "active")
        assert (given in model.tokens) == (expected == "active")
        if expected == "new":
            model.spent.setdefault(token, now)
            model.made(given, token)
