"""A sandbox in this process, made once and copied for each test, and a receiver of webhooks."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sandbox.app import create_app
from sandbox.settings import Settings
from sandbox.webhooks.courier import Courier
from sandbox.world import World

READY = {"client_id": "1000.SANDBOXCLIENT", "client_secret": "sandbox-client-secret"}
REFRESH = {"grant_type": "refresh_token", "refresh_token": "1000.sandbox.refresh", **READY}


@dataclass
class Bench:
    """The sandbox under test, with short words for what the tests do often."""

    app: Flask
    world: World
    client: FlaskClient

    def control(self, path: str, body: Any = None) -> Any:
        answer = (
            self.client.get(f"/_control/{path}")
            if body is None
            else self.client.post(f"/_control/{path}", json=body)
        )
        assert answer.status_code < 400, answer.text
        return answer.json

    def token(self, **form: str) -> Any:
        return self.client.post("/oauth/v2/token", data=form or REFRESH)

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Zoho-oauthtoken {self.token().json['access_token']}"}

    def emit(self, event_type: str = "subscription_created", **data: Any) -> None:
        with self.world.store.transaction() as tx:
            self.world.emit(tx, event_type, data or {"subscription": {"subscription_id": "5001"}})

    def pump(self, *, everything: bool = False) -> int:
        courier: Courier = self.app.extensions["sandbox_courier"]
        return courier.pump(everything=everything)


@dataclass
class Receiver:
    """A real HTTP server that remembers what it was sent."""

    url: str
    got: list[tuple[dict[str, str], bytes, str]] = field(default_factory=list)
    answer: Callable[[int], int] = lambda _number: 200

    def bodies(self) -> list[bytes]:
        return [body for _, body, _ in self.got]


@pytest.fixture(scope="session")
def made_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "world"
    app = create_app(Settings(data=folder, deliver="manual"))
    app.extensions["sandbox_world"].store.close()
    return folder


@pytest.fixture
def bench(made_world: Path, tmp_path: Path) -> Bench:
    folder = tmp_path / "world"
    shutil.copytree(made_world, folder)
    app = create_app(Settings(data=folder, deliver="manual", oauth_limits=True))
    return Bench(app, app.extensions["sandbox_world"], app.test_client())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    kept = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                return  # the sender was killed in the middle
            kept.got.append((dict(self.headers), body, self.path))
            self.send_response(kept.answer(len(kept.got)))
            self.end_headers()

        do_PUT = do_POST  # noqa: N815 - as above

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()
