"""The sandbox as a process that is killed and started again on the same folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import requests

from tests.harness.processes import Process, free_port
from tests.sandbox.outside.conftest import REFRESH, Receiver


class Victim:
    """The sandbox as a process that is killed and started again on the same folder."""

    def __init__(self, folder: Path, log: Path, receiver: Receiver) -> None:
        port = free_port()
        env = {"SANDBOX_DATA": str(folder), "SANDBOX_PORT": str(port), "SANDBOX_SMTP_PORT": "0"}
        command = [sys.executable, "-m", "sandbox"]
        portal = receiver.url.removesuffix("/hook")
        env |= {"SANDBOX_PORTAL_URL": portal, "SANDBOX_OAUTH_LIMITS": "false"}
        self.process = Process("sandbox", command, {**os.environ, **env}, log)
        self.url = f"http://127.0.0.1:{port}"

    def start(self) -> None:
        self.process.start()
        self.process.wait_for(f"{self.url}/_control/clock")

    def orphan(self) -> None:
        """Kill -9 only the process that was started, as a program does that knows nothing of its children."""
        assert self.process.popen is not None
        self.process.popen.kill()
        self.process.popen.wait()

    def control(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """A control call that must succeed."""
        address = f"{self.url}/_control/{path}"
        answer = requests.get(address, timeout=30) if body is None else post(address, body)
        assert answer.status_code < 400, f"{address}: {answer.text[:300]}"
        return answer.json()

    def headers(self) -> dict[str, str]:
        token = requests.post(f"{self.url}/oauth/v2/token", data=REFRESH, timeout=10).json()
        return {"Authorization": f"Zoho-oauthtoken {token['access_token']}"}

    def listed(self, kind: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for page in range(1, 1000):
            found = requests.get(f"{self.url}/_control/state?kind={kind}&page={page}", timeout=30).json()
            rows += found[kind]
            if not found["page_context"]["has_more_page"]:
                return rows
        raise AssertionError("the list never ended")


def post(address: str, body: dict[str, Any]) -> requests.Response:
    return requests.post(address, json=body, timeout=120)
