"""How long `make run` takes until it is ready, when everything is installed: with no data yet, and again."""

import os
import signal
import subprocess
import time
from pathlib import Path

from tests.harness.processes import CHECKOUT, clean_environment, free_port, until

Figures = dict[str, float]


def measure(folder: Path) -> Figures:
    """Start it twice on ports and data of its own."""
    ports = {name: str(free_port()) for name in ("PORTAL_PORT", "SANDBOX_PORT", "SANDBOX_SMTP_PORT")}
    env = {**clean_environment(), **ports, "PORTAL_DATA": str(folder / "demo")}
    return {
        "make_run_first_ready_s": _ready(env, folder / "first.log"),
        "make_run_again_ready_s": _ready(env, folder / "again.log"),
    }


def _ready(env: dict[str, str], log: Path) -> float:
    begun = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["make", "run"], env=env, cwd=CHECKOUT, stdout=out, stderr=out, start_new_session=True
        )
    try:
        until(lambda: "ready in" in log.read_text(), seconds=120, what="make run")
        return round(time.monotonic() - begun, 1)
    finally:
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
        process.wait(60)
