"""The stage for tests: one a worker, on a database of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness import database
from tests.simulation import stage as stages
from tests.simulation.stage import Stage


@pytest.fixture(scope="session")
def stage(
    server: database.Server, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """Portal and sandbox at the start of the demo, mirrored; each seed gets it back untouched."""
    name = f"{server.template}_{worker_id}_simulation"
    with stages.build(server, tmp_path_factory.mktemp("simulation"), name) as built:
        yield built
