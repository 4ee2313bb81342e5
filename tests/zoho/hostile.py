"""A tiny HTTP server that answers as it is told, however badly, and counts what it is asked."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[["Request"], None]
TOKEN = {
    "access_token": "1000.a.b",
    "expires_in": 3600,
    "api_domain": "http://127.0.0.1",
    "token_type": "Bearer",
}


class Request(BaseHTTPRequestHandler):
    """One request, and the ways to answer it."""

    protocol_version = "HTTP/1.1"
    server: "Server"
    content: bytes = b""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the library's names

    def _serve(self) -> None:
        self.content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        with self.server.world.lock:
            self.server.world.asked.append((self.command, self.path, dict(self.headers), self.content))
        behaviours = self.server.world.behaviours
        chosen = next((behaviours[key] for key in behaviours if path.startswith(key)), None)
        (chosen or (lambda request: request.say(200, {"code": 0})))(self)

    def say(self, status: int, body: Any = b"", **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Type", "application/json")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def truncate(self, body: bytes, promised: int) -> None:
        """Promise more than is sent, then hang up."""
        self.send_response(200)
        self.send_header("Content-Length", str(promised))
        self.send_header("Content-Type", "application/pdf")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        self.hang_up()

    def trickle(self, seconds: float) -> None:
        """Send a byte now and then, so that no single wait is long."""
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            pass
        self.hang_up()

    def hang_up(self) -> None:
        self.close_connection = True

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@dataclass
class World:
    """What was asked, and what to do at each path (the first prefix that fits)."""

    url: str = ""
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, path: str) -> int:
        with self.lock:
            return sum(1 for _, asked, _, _ in self.asked if asked.startswith(path))


class Server(ThreadingHTTPServer):
    daemon_threads = True
    world: World

    def handle_error(self, *_args: object) -> None:
        """A client that hangs up is no news here."""


@contextmanager
def running() -> Iterator[World]:
    server = Server(("127.0.0.1", 0), Request)
    server.world = World(url=f"http://127.0.0.1:{server.server_address[1]}")
    server.world.behaviours["/oauth/v2/token"] = lambda request: request.say(200, TOKEN)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.world
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
