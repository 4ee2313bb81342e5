"""`python -m sandbox`: serve the sandbox alone, one process with several threads."""

from __future__ import annotations

from granian.constants import Interfaces
from granian.server import Server

from sandbox.settings import Settings


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    print(f"sandbox: {settings.base_url}  data: {settings.data}", flush=True)
    Server(
        "sandbox.app:served",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=settings.threads,
        backpressure=512,
    ).serve()


if __name__ == "__main__":
    main()
