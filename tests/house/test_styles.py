"""The style sheet and the pages name the same things: no rule without an element, no class without a rule."""

from __future__ import annotations

import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
STYLES = re.sub(
    r"(?s)/\*.*?\*/", "", "\n".join(path.read_text() for path in sorted((CHECKOUT / "static/css").glob("*")))
)
# What stands before a brace, without the conditions of @media and @supports.
SELECTORS = [found for found in re.findall(r"([^{};]+)\{", STYLES) if not found.strip().startswith("@")]
# Mails bring their style along; a drawing is written by Python.
WRITTEN = [*(CHECKOUT / "templates").rglob("*.html"), CHECKOUT / "portal/web/qr.py"]
PAGES = "\n".join(path.read_text() for path in WRITTEN if "mail" not in path.parts)
SCRIPT = (CHECKOUT / "static/js/portal.js").read_text()
OF_HTMX = {"htmx-request"}


def classes_of_pages() -> set[str]:
    """Every word of a class attribute; one that depends on something is written whole in each case."""
    told = re.sub(r"\{[{%].*?[%}]\}", " ", " ".join(re.findall(r'class="([^"]*)"', PAGES)))
    return set(told.split())


def test_every_class_in_the_styles_is_on_some_page() -> None:
    styled = {name for found in SELECTORS for name in re.findall(r"\.([a-z][\w-]*)", found)}
    by_script = set(re.findall(r'classList\.add\("([\w-]+)"\)', SCRIPT))
    assert styled - classes_of_pages() - by_script - OF_HTMX == set()


def test_every_class_on_a_page_has_a_rule() -> None:
    styled = {name for found in SELECTORS for name in re.findall(r"\.([a-z][\w-]*)", found)}
    assert classes_of_pages() - styled == set()


def test_every_element_in_the_styles_is_on_some_page() -> None:
    bare = [re.sub(r"\[[^\]]*\]|::?[a-z-]+(\([^)]*\))?|[.#][\w-]+", " ", found) for found in SELECTORS]
    styled = {name for found in bare for name in re.findall(r"\b[a-z][a-z0-9]*\b", found)}
    assert {name for name in styled if not re.search(rf"<{name}\b", PAGES)} == set()


def test_every_custom_property_is_used() -> None:
    defined = set(re.findall(r"(?m)^\s*(--[\w-]+):", STYLES))
    used = set(re.findall(r"var\((--[\w-]+)\)", STYLES + PAGES))
    assert used == defined
