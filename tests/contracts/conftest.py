"""One company a module: making one costs a moment, beginning again costs nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.contracts.company import Company

QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
# no shrinking by default: an example is quick to read here, and slow to repeat
ONCE = (Phase.explicit, Phase.reuse, Phase.generate)
settings.register_profile("default", max_examples=4, deadline=None, suppress_health_check=QUIET, phases=ONCE)
settings.register_profile("ci", max_examples=500, deadline=None, suppress_health_check=QUIET)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    company = Company(tmp_path_factory.mktemp("company"))
    yield company
    company.world.store.close()


@pytest.fixture
def company(made: Company) -> Company:
    """A company with a catalogue and no customer, at the real time."""
    for name, value in made.world._given.items():
        setattr(made.world.settings, name, value)
    made.begin()
    return made
