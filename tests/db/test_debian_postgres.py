"""Schema, policies and isolation hold on Debian's own Postgres too (15, the oldest we promise)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.db.embedded import EmbeddedPostgres
from tests.harness.database import FAST
from tests.harness.processes import CHECKOUT, clean_environment


@pytest.fixture
def debian() -> Iterator[EmbeddedPostgres]:
    """The oldest server that Debian installed here."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda at: int(at.parts[4]))
    if not found:
        advice = "no Debian Postgres here: apt-get install postgresql"
        if os.environ.get("CI") == "true":
            pytest.fail(advice)
        pytest.skip(advice)
    home = Path(tempfile.mkdtemp(prefix="portal-tests-debian-"))
    home.chmod(0o711)
    server = EmbeddedPostgres(home, FAST, programs=found[0].parent)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def test_catalogue_and_isolation_hold_on_debians_server(debian: EmbeddedPostgres) -> None:
    """SB-01 to SB-04: every other test of this folder, once more, on that server."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, str(Path(__file__).parent), f"--ignore={__file__}"],
        env={**clean_environment(), "TEST_DATABASE_URL": debian.url()},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " passed" in done.stdout
    assert " skipped" not in done.stdout
