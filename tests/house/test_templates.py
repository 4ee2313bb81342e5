"""Every template parses, is used, asks for nothing that is not there, and stays readable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import nodes

CHECKOUT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted(path for path in (CHECKOUT / "templates").rglob("*") if path.suffix in (".html", ".txt"))
NAMES = [str(path.relative_to(CHECKOUT / "templates")) for path in TEMPLATES]


@pytest.fixture(scope="module")
def portal(worker_app: Flask) -> Flask:
    return worker_app


def test_there_are_templates() -> None:
    assert NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_parses_and_every_endpoint_in_it_exists(portal: Flask, name: str) -> None:
    tree = portal.jinja_env.parse((CHECKOUT / "templates" / name).read_text(), filename=name)
    asked = [
        call.args[0].value
        for call in tree.find_all(nodes.Call)
        if isinstance(call.node, nodes.Name) and call.node.name == "url_for" and call.args
        if isinstance(call.args[0], nodes.Const)
    ]
    missing = [endpoint for endpoint in asked if endpoint not in portal.view_functions]
    assert not missing, f"url_for asks for endpoints that do not exist: {missing}"
    portal.jinja_env.get_template(name)


@pytest.mark.parametrize("name", NAMES)
def test_its_filters_exist(portal: Flask, name: str) -> None:
    tree = portal.jinja_env.parse((CHECKOUT / "templates" / name).read_text(), filename=name)
    unknown = {found.name for found in tree.find_all(nodes.Filter)} - set(portal.jinja_env.filters)
    assert not unknown


def test_escaping_is_on_for_every_suffix_inp_02(portal: Flask) -> None:
    for name in NAMES:
        escaped = portal.jinja_env.autoescape
        on = escaped(name) if callable(escaped) else escaped
        assert on or name.endswith(".txt"), name


def test_every_component_is_used() -> None:
    text = "\n".join(path.read_text() for path in TEMPLATES)
    parts = [Path(name).stem for name in NAMES if name.startswith("components/")]
    unused = [
        part for part in parts if not re.search(rf"\bui\.{part}\b|components/{part}\.html|\b{part}\(", text)
    ]
    assert not unused


def test_every_page_is_rendered_by_some_view() -> None:
    code = "\n".join(path.read_text() for path in (CHECKOUT / "portal").rglob("*.py"))
    text = "\n".join(path.read_text() for path in TEMPLATES)
    orphans = [
        name
        for name in NAMES
        if not name.startswith(("components/", "mail/"))
        # a page may choose among a folder's templates by a state: "plans/states/" ~ state
        if f'"{name}"' not in code + text
        and f"{Path(name).parent}/" not in re.findall(r'"([a-z_/]+/)"', code + text)
    ]
    assert not orphans, f"no view and no template names them: {orphans}"


def test_forms_post_with_a_csrf_field() -> None:
    for path in TEMPLATES:
        for form in re.findall(r"(?is)<form[^>]*method=\"post\"[^>]*>.*?</form>", path.read_text()):
            named = re.search(r"csrf|hidden_tag|caller\(\)|ui\.", form)
            assert named, f"{path.name}: a form without CSRF field (CSRF-01): {form[:120]}"
