"""A sandbox served over HTTP by a thread of the test, with its own data folder and port."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.serving import make_server

from sandbox.app import create_app
from sandbox.settings import Settings
from sandbox.world import World


class Place:
    """Where a sandbox is."""

    def __init__(self, url: str) -> None:
        self.url = url


class Served(Place):
    """A place with the world behind it, for settings and clock."""

    def __init__(self, app: Flask, url: str) -> None:
        super().__init__(url)
        self.app = app
        self.world: World = app.extensions["sandbox_world"]


@contextmanager
def served(data: Path, **settings: Any) -> Iterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        chosen: dict[str, Any] = {"port": port, "smtp_port": 0, "deliver": "manual"} | settings
        app = create_app(Settings(data=data, **chosen))
        server = make_server("127.0.0.1", port, app, threaded=True, fd=listener.fileno())
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield Served(app, f"http://127.0.0.1:{port}")
        finally:
            server.shutdown()
            thread.join()
            app.extensions["sandbox_courier"].stop()
            app.extensions["sandbox_world"].store.close()
