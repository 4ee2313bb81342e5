"""The portal's services on a clean database, pointed at a sandbox process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from portal.config import Settings

if TYPE_CHECKING:
    from portal.db.transaction import Pool
    from portal.services import Services
    from tests.harness.processes import Sandbox


@pytest.fixture
def services(settings_env: dict[str, str], pool: Pool, sandbox: Sandbox) -> Iterator[Services]:
    """Services that speak to the sandbox of this worker."""
    from portal import services as composition

    values = {name.lower(): value for name, value in settings_env.items()}
    values |= {"zoho_calls_per_minute": "100000", "zoho_calls_per_day": "1000000"}
    built = composition.build(Settings.model_validate(values))
    yield built
    built.close()
