"""What the documents promise is there: settings, commands, links, and one decision a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from portal.config import Settings

CHECKOUT = Path(__file__).resolve().parents[2]
SETTINGS = (CHECKOUT / "docs" / "settings.md").read_text()
ROW = re.compile(r"^\| `([A-Z_]+)` \|([^|]*)\|", re.MULTILINE)
ROWS = {name: default.strip() for name, default in ROW.findall(SETTINGS)}
PAGES = sorted([*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md")])
MACHINE = {"PORTAL_PORT", "SANDBOX_PORT", "SANDBOX_SMTP_PORT", "PORTAL_DATA"}
MACHINE |= {"TEST_DATABASE_URL", "CHROMIUM_PATH", "PYTHON"}


def plain(default: object) -> str:
    value = default.get_secret_value() if isinstance(default, SecretStr) else default
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value in (None, [], "") else str(value)


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    shown = ROWS.get(name.upper())
    assert shown is not None, f"docs/settings.md has no row for {name.upper()}"
    field = Settings.model_fields[name]
    wanted = "" if field.is_required() else plain(field.default)
    assert shown.strip("`") == wanted or shown.startswith("from "), (
        f"{name.upper()}: {shown!r}, not {wanted!r}"
    )


def test_no_documented_setting_is_gone() -> None:
    gone = set(ROWS) - {name.upper() for name in Settings.model_fields} - MACHINE
    assert not gone, f"docs/settings.md explains what nobody reads: {gone}"


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(CHECKOUT)) for page in PAGES])
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text())
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


def test_the_map_names_every_part() -> None:
    shown = (CHECKOUT / "docs" / "map.md").read_text()
    parts = [path for path in (CHECKOUT / "portal").iterdir() if not path.name.startswith(("_", "."))]
    floors = [
        path for path in (CHECKOUT / "tests").iterdir() if path.is_dir() and not path.name.startswith("_")
    ]
    names = {path.name for path in parts} | {f"tests/{path.name}" for path in floors}
    missing = sorted(name for name in names if not re.search(rf"`(portal/)?{re.escape(name)}`", shown))
    assert not missing, f"docs/map.md does not say what these are: {missing}"


def test_every_make_target_that_is_mentioned_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        mentioned = set(re.findall(r"`make ([a-z-]+)", page.read_text()))
        assert mentioned <= targets, f"{page.name}: {mentioned - targets}"


def test_every_make_target_is_explained_by_help() -> None:
    text = (CHECKOUT / "Makefile").read_text()
    wanted = {
        "run",
        "test",
        "check",
        "bench",
        "simulate",
        "reset",
        "sandbox",
        "lock",
        "fix",
        "migrate",
        "screenshots",
    }
    assert wanted <= set(re.findall(r"^([a-z-]+):.*## \w", text, re.MULTILINE))


def test_the_readme_names_the_demo_logins() -> None:
    readme = (CHECKOUT / "README.md").read_text()
    for said in ("ada@example.com", "bob@example.com", "staff@example.com", "correct horse battery staple"):
        assert said in readme


def test_decisions_are_numbered_once() -> None:
    names = sorted(path.name for path in (CHECKOUT / "docs" / "decisions").glob("*.md"))
    numbers = [name[:4] for name in names]
    assert len(set(numbers)) == len(numbers), names
    assert all(re.match(r"^\d{4}-[a-z0-9-]+\.md$", name) for name in names), names
    for name in names:
        text = (CHECKOUT / "docs" / "decisions" / name).read_text()
        assert text.startswith("# "), f"{name}: begin with a heading"


def test_migrations_are_numbered_once_and_say_what_they_do() -> None:
    names = sorted(path.name for path in (CHECKOUT / "portal" / "db" / "migrations").glob("*.sql"))
    numbers = [name[:4] for name in names]
    assert len(set(numbers)) == len(numbers), f"two migrations with one number: {names}"
    odd = [name for name in names if not re.match(r"^\d{4}_[a-z]+(_[a-z0-9]+)+\.sql$", name)]
    assert not odd, f"NNNN_verb_noun.sql: {odd}"
