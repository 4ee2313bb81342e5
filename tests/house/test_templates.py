"""Every template parses, is used, asks for nothing that is not there, and stays readable."""

from __future__ import annotations

import ast
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


def parts() -> set[tuple[str, str]]:
    """Which blocks of which pages are rendered alone, when htmx asks for a part."""
    found = set()
    for path in (CHECKOUT / "portal").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            name = call.func if isinstance(call, ast.Call) else None
            if not isinstance(call, ast.Call) or not isinstance(name, ast.Name) or name.id != "page":
                continue
            named = [keyword.value for keyword in call.keywords if keyword.arg == "block"]
            words = [one.value for one in [*call.args[:2], *named] if isinstance(one, ast.Constant)]
            if len(words) == 2:
                found.add((str(words[0]), str(words[1])))
    return found


def named_above(tree: nodes.Template) -> set[str]:
    """Names that a page imports or sets outside its blocks."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, nodes.FromImport):
            found |= {each if isinstance(each, str) else each[1] for each in node.names}
        elif isinstance(node, nodes.Assign) and isinstance(node.target, nodes.Name):
            found.add(node.target.name)
    return found


def test_a_part_of_a_page_needs_nothing_from_the_pages_top(portal: Flask) -> None:
    """What stands above the blocks is not run for a block alone, so its names would be missing there."""
    chosen = parts()
    assert len(chosen) >= 5
    for name, block in chosen:
        tree = portal.jinja_env.parse((CHECKOUT / "templates" / name).read_text())
        top = named_above(tree)
        (part,) = [one for one in tree.find_all(nodes.Block) if one.name == block]
        used = {one.name for one in part.find_all(nodes.Name) if one.ctx == "load"}
        given = {one.name for one in part.find_all(nodes.Name) if one.ctx != "load"}
        missing = sorted((used - given) & top)
        assert not missing, f"{name}, block {block}: {missing} stand above it"


def test_forms_post_with_a_csrf_field() -> None:
    for path in TEMPLATES:
        for form in re.findall(r"(?is)<form[^>]*method=\"post\"[^>]*>.*?</form>", path.read_text()):
            named = re.search(r"csrf|hidden_tag|caller\(\)|ui\.", form)
            assert named, f"{path.name}: a form without CSRF field (CSRF-01): {form[:120]}"
