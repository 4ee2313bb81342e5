"""The sandbox as a process of its own, killed at once after an answer: what was answered is still there."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.sandbox.merchant import Merchant, pay
from tests.sandbox.serving import Place

CHECKOUT = Path(__file__).resolve().parents[2]
AUTH = {"apikey": "sb_publishable_sandbox"}
READY_S = 40


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running(data: Path, port: int, smtp: int) -> Iterator[Place]:
    """`python -m sandbox`, killed with -9 at the end of the block."""
    env = os.environ | {"SANDBOX_DATA": str(data), "SANDBOX_PORT": str(port), "SANDBOX_SMTP_PORT": str(smtp)}
    with (data.parent / "sandbox.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "sandbox"],
            env=env,
            cwd=CHECKOUT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        place = Place(f"http://127.0.0.1:{port}")
        wait_for(place, data.parent / "sandbox.log")
        yield place
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def wait_for(place: Place, log: Path) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        try:
            requests.get(f"{place.url}/auth/v1/health", timeout=2)
        except requests.ConnectionError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text()[-2000:])


def test_a_purchase_a_session_and_a_mail_survive_kill_9(tmp_path: Path) -> None:
    port, smtp, data = free_port(), free_port(), tmp_path / "data"
    with running(data, port, smtp) as place:
        merchant = Merchant(place)
        customer = merchant.customer()
        page = merchant.page(customer_id=customer, plan={"plan_code": "team-m"})
        body = {"email": "ada@example.com", "password": "correct horse battery staple"}
        token = requests.post(
            f"{place.url}/auth/v1/token?grant_type=password", json=body, headers=AUTH, timeout=20
        )
        with smtplib.SMTP("127.0.0.1", smtp, timeout=10) as client:
            client.sendmail("a@example.com", ["b@example.com"], "Subject: Kept\n\nText")
        assert pay(page).status_code == 303
    with running(data, port, smtp) as place:
        assert merchant.get(f"/hostedpages/{page['hostedpage_id']}")["status"] == "success"
        assert [sub["status"] for sub in merchant.subscriptions(customer)] == ["live"]
        refresh = {"refresh_token": token.json()["refresh_token"]}
        again = requests.post(
            f"{place.url}/auth/v1/token?grant_type=refresh_token", json=refresh, headers=AUTH, timeout=20
        )
        assert again.status_code == 200
        mails = requests.get(f"{place.url}/_control/mail?to=b@example.com", timeout=10).json()["mails"]
        assert [mail["subject"] for mail in mails] == ["Kept"]
