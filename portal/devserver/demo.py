"""The demo's environment: where everything listens, and the secrets that this checkout made up once.

Decides what a newcomer never has to: the sandbox's published credentials, random keys of our own
(kept in `demo.env`, so that a second run reads what the first one sealed), and the addresses.
"""

import base64
import os
import secrets
import shlex
from dataclasses import dataclass
from pathlib import Path

from portal.config import SANDBOX_SECRET
from portal.errors import Misconfigured

KEPT = ("SECRET_KEY", "ENCRYPTION_KEYS")
HIGHEST_PORT = 65535


@dataclass(frozen=True)
class Demo:
    """Where this checkout's demo lives."""

    data: Path
    portal_port: int
    sandbox_port: int
    smtp_port: int

    @property
    def portal_url(self) -> str:
        return f"http://127.0.0.1:{self.portal_port}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"

    @property
    def env_file(self) -> Path:
        return self.data / "demo.env"

    def settings(self, database_url: str) -> dict[str, str]:
        """Return every variable that portal and sandbox need, and keep them for a second terminal."""
        settings = {
            **_secrets(self.env_file),
            "DATABASE_URL": database_url,
            "BASE_URL": self.portal_url,
            "ZOHO_ACCOUNTS_URL": self.sandbox_url,
            "ZOHO_API_URL": self.sandbox_url,
            "ZOHO_HOSTED_ORIGINS": self.sandbox_url,
            "ZOHO_ORGANIZATION_ID": "10000001",
            "ZOHO_CLIENT_ID": "1000.SANDBOXCLIENT",
            "ZOHO_CLIENT_SECRET": "sandbox-client-secret",
            "ZOHO_REFRESH_TOKEN": "1000.sandbox.refresh",
            "ZOHO_WEBHOOK_SECRETS": SANDBOX_SECRET,
            # the sandbox has no limits of its own unless told so: the first copy need not wait for Zoho's
            "ZOHO_CALLS_PER_MINUTE": "6000",
            "ZOHO_CALLS_PER_DAY": "1000000",
            "SUPABASE_URL": self.sandbox_url,
            "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_sandbox",
            "SUPABASE_SECRET_KEY": "sb_secret_sandbox",
            "SECRETS_BACKEND": "env",  # pragma: public
            "SMTP_URL": f"smtp://127.0.0.1:{self.smtp_port}",
            "GRANIAN_HOST": "127.0.0.1",
            "GRANIAN_PORT": str(self.portal_port),
            "SANDBOX_PORT": str(self.sandbox_port),
            "SANDBOX_SMTP_PORT": str(self.smtp_port),
            "SANDBOX_DATA": str(self.data / "sandbox"),
            "SANDBOX_PORTAL_URL": self.portal_url,
        }
        _write(self.env_file, settings)
        return settings


def from_environment() -> Demo:
    """Read the few things that a person may choose. Raises :class:`Misconfigured`."""
    return Demo(
        data=Path(os.environ.get("PORTAL_DATA", ".data")).resolve(),
        portal_port=_port("PORTAL_PORT", 8000),
        sandbox_port=_port("SANDBOX_PORT", 8001),
        smtp_port=_port("SANDBOX_SMTP_PORT", 8025),
    )


def _port(name: str, default: int) -> int:
    given = os.environ.get(name, str(default))
    if not given.isdigit() or not 0 < int(given) <= HIGHEST_PORT:
        raise Misconfigured(f"{name} must be a port number, not {given!r}.")
    return int(given)


def _secrets(env_file: Path) -> dict[str, str]:
    kept = {name: value for name, value in _read(env_file).items() if name in KEPT and value}
    fresh = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "ENCRYPTION_KEYS": "demo:" + base64.b64encode(secrets.token_bytes(32)).decode(),
    }
    return {**fresh, **kept}


def _read(env_file: Path) -> dict[str, str]:
    if not env_file.exists():
        return {}
    words = [word for line in env_file.read_text().splitlines() for word in shlex.split(line, comments=True)]
    return dict(word.split("=", 1) for word in words if "=" in word)


def _write(env_file: Path, settings: dict[str, str]) -> None:
    lines = ["# Written by `make run`. For a second terminal: set -a; . .data/demo.env; set +a"]
    lines += [f"{name}={shlex.quote(value)}" for name, value in settings.items()]
    env_file.touch(mode=0o600)
    env_file.write_text("\n".join(lines) + "\n")
