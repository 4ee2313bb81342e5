"""CI runs what a developer runs, with nobody to answer a question."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
MAKEFILE = (CHECKOUT / "Makefile").read_text()
TOOLS = ("ruff check", "ruff format --check", "mypy", "lint-imports", "djlint", "squawk", "bandit", "semgrep")


def recipe(target: str) -> str:
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    return found.group(1) if found else ""


def test_ci_calls_make_check_without_a_terminal() -> None:
    script = (CHECKOUT / ".ci" / "run").read_text()
    assert script.rstrip().endswith("exec make check")
    assert "exec < /dev/null" in script
    assert (CHECKOUT / ".ci" / "run").stat().st_mode & 0o111


def test_check_is_lint_scan_and_test() -> None:
    assert re.findall(r"\$\(MAKE\) .*", recipe("check")) == [
        "$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint scan",
        "$(MAKE) --no-print-directory test",
    ]
    everything = recipe("lint") + recipe("scan") + recipe("test")
    assert not [tool for tool in (*TOOLS, "bin/scan-secrets", "pytest") if tool not in everything]


def test_no_step_of_check_may_fail_unseen() -> None:
    for target in ("check", "lint", "scan", "test"):
        assert "|| true" not in recipe(target)
        assert not re.search(r"^\t-", recipe(target), re.MULTILINE)


def test_make_alone_prints_help() -> None:
    said = subprocess.run(["make"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    assert "make run" in said
    assert "make test" in said


def test_the_shell_scripts_are_posix_and_stop_at_the_first_error() -> None:
    for name in (".ci/run", "bin/setup", "bin/scan-secrets"):
        text = (CHECKOUT / name).read_text()
        assert text.startswith("#!/bin/sh\n"), name
        assert re.search(r"^set -eu$", text, re.MULTILINE), name
        subprocess.run(["sh", "-n", str(CHECKOUT / name)], check=True)


def test_setup_does_nothing_when_nothing_changed() -> None:
    done = subprocess.run(
        [str(CHECKOUT / "bin" / "setup"), "run"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == ""
