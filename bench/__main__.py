"""`make bench`: measure, print a table, write `.data/bench.json` (a figure a key, the unit in its name).

    python -m bench                 full size: 100,000 accounts, 1,200,000 invoices, 10,000 subscriptions
    python -m bench --quick         a hundredth of it, to see that the measuring works
python -m bench pages webhooks  only some parts
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from bench import pages, reconciling, starting, webhooks
from portal.db import migrate
from portal.db.embedded import EmbeddedPostgres
from tests.harness.processes import Process, Stack, stack

RESULT = Path(".data/bench.json")
INVOICES_EACH = 12
MEGABYTE = 1024 * 1024
Figures = dict[str, float]


def main() -> None:
    """Run the chosen parts."""
    options = _options()
    size = 100 if options.quick else 1
    parts: dict[str, Callable[[Stack, Path], Figures]] = {
        "start": lambda running, folder: starting.measure(folder) | _memory(running, "idle"),
        "webhooks": lambda running, folder: webhooks.measure(running, folder, 3 if options.quick else 15),
        "pages": lambda running, _: _pages(running, 100_000 // size, 20 if options.quick else 100),
        "memory": lambda running, _: _memory(running, "after"),
    }
    figures: Figures = {}
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        server = EmbeddedPostgres(folder / "postgres")
        server.start()
        try:
            with _fresh_stack(server, folder, "main") as running:
                for part in _chosen(parts, options.parts):
                    figures |= parts[part](running, folder)
            for _ in _chosen({"reconcile": None}, options.parts):
                with _fresh_stack(server, folder, "reconcile") as running:
                    figures |= reconciling.measure(running, options.subscriptions // size)
        finally:
            server.stop()
    _tell(figures)


@contextmanager
def _fresh_stack(server: EmbeddedPostgres, folder: Path, name: str) -> Iterator[Stack]:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    migrate.apply(server.url(name))
    with stack(folder / name, server.url(name)) as running:
        yield running


def _chosen(parts: Iterable[str], wanted: list[str]) -> Iterator[str]:
    for part in parts:
        if not wanted or part in wanted:
            print(f"measuring {part} …", flush=True)
            yield part


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Measure the portal.")
    parser.add_argument("parts", nargs="*", help="start webhooks pages reconcile memory (default: all)")
    parser.add_argument("--subscriptions", type=int, default=10_000, help="for the reconciliation")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the size")
    return parser.parse_args()


def _pages(running: Stack, accounts: int, runs: int) -> Figures:
    measured = pages.measure(running, accounts, INVOICES_EACH, runs)
    return {"mirror_accounts": accounts, "mirror_invoices": accounts * INVOICES_EACH, **measured}


def _memory(running: Stack, when: str) -> Figures:
    return {
        f"web_{when}_mb": _resident(running.web),
        f"worker_{when}_mb": _resident(running.worker),
    }


def _resident(process: Process) -> float:
    """Return the resident memory of the process that does the work (granian's own parent is small)."""
    assert process.popen is not None
    family = [psutil.Process(process.popen.pid), *psutil.Process(process.popen.pid).children(recursive=True)]
    return round(max(member.memory_info().rss for member in family) / MEGABYTE, 1)


def _tell(figures: Figures) -> None:
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n")
    width = max(map(len, figures))
    for name, value in figures.items():
        print(f"{name:<{width}}  {value:>12,}")
    print(f"\nwritten to {RESULT}")


if __name__ == "__main__":
    main()
