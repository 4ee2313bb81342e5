"""Rules about the code that no linter knows. Each message says what to do instead."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
LONGEST = {".py": 400, ".html": 220, ".css": 700, ".js": 250, ".sql": 450}
LONGEST_TEST = 600
# writes a Decimal as a JSON number only after proving that the float has the same digits
FLOAT_ALLOWED = ("portal/money.py",)
LONGEST_FUNCTION = 60
HARD_PARAMETERS = 9
NO_NAME_NO_HOME = re.compile(r"^(utils?|helpers?|common|misc|manager|handlers?|service)\.py$")
# split, so that this file does not find itself
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")
FORBIDDEN = re.compile(
    "|".join(
        [
            r"/" + r"work/(main|shared|briefs)",
            r"/" + r"farm/",
            r"/" + r"root/",
            r"\bfarm-" + r"(studio|bench)\b",
            r"NotImplemented" + r"Error",
            r"BEGIN [A-Z ]*PRIVATE" + r" KEY",
        ]
    )
)


def tracked(*suffixes: str) -> list[Path]:
    """What git knows and will know: tracked files and new ones that are not ignored."""
    shown = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    paths = [CHECKOUT / line for line in sorted(set(shown.splitlines()))]
    return [path for path in paths if path.is_file() and (not suffixes or path.suffix in suffixes)]


def named(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def python(*folders: str) -> list[Path]:
    return [path for path in tracked(".py") if named(path).split("/")[0] in folders]


def longest(path: Path) -> int:
    return LONGEST_TEST if named(path).startswith("tests/") else LONGEST[path.suffix]


def test_files_stay_short_enough_to_read() -> None:
    long = [
        f"{named(path)}: {lines} lines"
        for path in tracked(*LONGEST)
        if (lines := len(path.read_text().splitlines())) > longest(path)
    ]
    assert not long, "Split along what each part decides:\n" + "\n".join(long)


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            yield node


def test_functions_stay_short_enough_to_see() -> None:
    long = [
        f"{named(path)}:{node.lineno} {node.name}: {size} lines"
        for path in python("portal", "sandbox")
        for node in functions(path)
        if (size := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION
    ]
    assert not long, "Name the parts and call them in order:\n" + "\n".join(long)


def test_functions_take_few_parameters() -> None:
    many = [
        f"{named(path)}:{node.lineno} {node.name}: {count}"
        for path in python("portal", "sandbox")
        for node in functions(path)
        if (count := len(node.args.args) + len(node.args.kwonlyargs)) > HARD_PARAMETERS
    ]
    assert not many, "Give the parameters that travel together a dataclass:\n" + "\n".join(many)


def test_modules_say_what_they_decide() -> None:
    silent = [
        named(path)
        for path in python("portal", "sandbox", "bench")
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent, "Begin with a docstring that says what the file decides:\n" + "\n".join(silent)


def test_no_file_is_named_after_nothing() -> None:
    nameless = [named(path) for path in tracked(".py") if NO_NAME_NO_HOME.match(path.name)]
    assert not nameless, "Name the file after what it decides:\n" + "\n".join(nameless)


def test_nothing_is_left_unfinished_and_no_machine_shows_through() -> None:
    found = [
        f"{named(path)}:{number}: {line.strip()[:120]}"
        for path in tracked(".py", ".html", ".js", ".css", ".sql", ".md", ".toml", ".yml", ".yaml", ".sh", "")
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if UNFINISHED.search(line) or FORBIDDEN.search(line)
    ]
    assert not found, "Finish it or take it out:\n" + "\n".join(found)


def test_portal_and_sandbox_do_not_import_each_other() -> None:
    crossing = [
        f"{named(path)}: {other}"
        for mine, other in (("portal", "sandbox"), ("sandbox", "portal"))
        for path in python(mine)
        for node in ast.walk(ast.parse(path.read_text()))
        for name in imported(node)
        if name.split(".")[0] == other
    ]
    assert not crossing, "They meet over HTTP only:\n" + "\n".join(crossing)


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return []


MIRROR_WRITE = re.compile(
    r"(insert\s+into|update|delete\s+from)\s+billing\.(products|plans|addons|coupons|customers|subscriptions"
    r"|subscription_addons|invoices|invoice_lines|payments|credit_notes|refunds|payment_methods)\b",
    re.IGNORECASE,
)


def test_only_sync_and_the_mirror_write_the_mirror() -> None:
    writers = [
        named(path)
        for path in python("portal")
        if MIRROR_WRITE.search(path.read_text()) and named(path).split("/")[1] not in ("sync", "mirror")
    ]
    assert not writers, "Ask portal.sync to refresh the object instead:\n" + "\n".join(writers)


def test_only_zoho_knows_zohos_field_names() -> None:
    words = re.compile(r"[\"'](hostedpage_id|customer_sub_type|current_term_ends_at|is_portal_enabled)[\"']")
    leaks = [
        named(path)
        for path in python("portal")
        if words.search(path.read_text())
        and named(path).split("/")[1] not in ("zoho", "sync", "mirror", "plans")
    ]
    assert not leaks, "Translate in portal/zoho:\n" + "\n".join(leaks)


@pytest.mark.parametrize("package", ["billing", "mirror", "zoho", "sync", "mail", "people", "db"])
def test_flask_stays_in_the_rooms(package: str) -> None:
    mixed = [
        named(path)
        for path in python("portal")
        if named(path).startswith(f"portal/{package}/")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in imported(node)
        if name.split(".")[0] in ("flask", "flask_login", "flask_wtf", "wtforms", "jinja2")
        # A mail is a template without a request: Jinja alone, in one place.
        if (named(path), name) != ("portal/mail/messages.py", "jinja2")
    ]
    assert not mixed, "Rooms and web speak Flask, the rest does not:\n" + "\n".join(mixed)


def test_the_rules_of_billing_are_pure() -> None:
    impure = [
        f"{named(path)}: {name}"
        for path in python("portal")
        if named(path).startswith("portal/billing/") or named(path) == "portal/money.py"
        for node in ast.walk(ast.parse(path.read_text()))
        for name in imported(node)
        if name.split(".")[0] in ("flask", "requests", "httpx", "psycopg", "psycopg_pool", "sqlite3")
    ]
    assert not impure, "Pass the values in:\n" + "\n".join(impure)


def test_money_never_becomes_a_float() -> None:
    floats = [
        f"{named(path)}:{node.lineno}"
        for path in python("portal")
        if named(path) not in FLOAT_ALLOWED
        if named(path).split("/")[1] in ("billing", "mirror", "money.py", "subscriptions", "invoices")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
    ]
    assert not floats, "Money is Decimal with a currency:\n" + "\n".join(floats)


def test_requirements_are_pinned_by_hash() -> None:
    """CRY-05"""
    for path in sorted(CHECKOUT.glob("requirements*.txt")):
        pins = re.findall(r"^[a-z][^\s=]*==\S+", path.read_text(), re.MULTILINE | re.IGNORECASE)
        blocks = re.split(r"\n(?=[A-Za-z])", path.read_text())
        loose = [block.split()[0] for block in blocks if block.strip() and "--hash=sha256:" not in block]
        assert pins, path
        assert not loose, f"{path.name}: run `make lock`: {loose}"


def test_the_bill_of_materials_names_every_pin_with_its_hashes() -> None:
    """CRY-05"""
    printed = subprocess.run([CHECKOUT / "bin" / "sbom"], capture_output=True, text=True, check=True).stdout
    bill = json.loads(printed)
    listed = {f"{one['name']}=={one['version']}" for one in bill["components"] if one["hashes"]}
    locked = (CHECKOUT / "requirements.txt").read_text()
    pins = re.findall(r"^([A-Za-z][\w.-]*)(?:\[[^\]]*\])?(==[^\s;\\]+)", locked, re.MULTILINE)
    assert bill["bomFormat"] == "CycloneDX"
    assert listed == {f"{name}{version}" for name, version in pins}


def test_one_line_of_htmx_is_pinned_and_the_choice_recorded() -> None:
    """HX-08: the mature line; why not the next one stands in decision 0040."""
    locked = (CHECKOUT / "requirements.txt").read_text()
    assert re.search(r"^django-js-lib-htmx==2\.0\.", locked, re.MULTILINE)
    (decision,) = (CHECKOUT / "docs" / "decisions").glob("0040-*.md")
    assert "htmx 4" in decision.read_text()


def test_sql_made_of_strings_is_an_exception_with_a_reason() -> None:
    """INP-03: ruff's S608 is on; semgrep (tests/house/planted_faults.py) guards execute()."""
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert settings["select"] == ["ALL"]
    assert not {"S", "S6", "S608"} & set(settings["ignore"])
    bare = [
        f"{named(path)}:{number}"
        for path in tracked(".py")
        if named(path).startswith("portal/")
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if "noqa: S608" in line and len(line.partition("noqa: S608")[2].split()) < 3
    ]
    assert not bare, f"say why it is safe: {bare}"


def test_every_wanted_requirement_is_locked() -> None:
    for wanted in sorted(CHECKOUT.glob("requirements*.in")):
        names = re.findall(r"^([A-Za-z][\w.-]*)", wanted.read_text(), re.MULTILINE)
        locked = re.findall(r"^([A-Za-z][\w.-]*)==", wanted.with_suffix(".txt").read_text(), re.MULTILINE)
        locked += re.findall(
            r"^([A-Za-z][\w.-]*)==", (CHECKOUT / "requirements.txt").read_text(), re.MULTILINE
        )
        have = {re.sub(r"[-_.]+", "-", name).lower() for name in locked}
        missing = [name for name in names if re.sub(r"[-_.]+", "-", name).lower() not in have]
        assert not missing, f"{wanted.name}: run `make lock`: {missing}"


def test_quotes_in_prose_are_plain() -> None:
    guillemets = (chr(171), chr(187))
    found = [
        f"{named(path)}:{number}: {line.strip()[:120]}"
        for path in tracked(".py", ".html", ".js", ".css", ".sql", ".md", ".toml")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if any(sign in line for sign in guillemets)
    ]
    assert not found, 'Quote as English does, "so":\n' + "\n".join(found)


# What is called from elsewhere than the portal: each with its caller.
CALLED_FROM_OUTSIDE = {
    "portal.web.guard.matrix",  # tests/house/test_routes.py
}


def test_every_function_has_a_caller() -> None:
    """A night's pruning was written, tested, and called by nobody: the tables grew for good."""
    paths = [*python("portal"), CHECKOUT / "wsgi.py"]
    trees = {named(path).removesuffix(".py").replace("/", "."): ast.parse(path.read_text()) for path in paths}
    called = {name for module, tree in trees.items() for name in names_used(module, tree)}
    written = {
        f"{module}.{node.name}"
        for module, tree in trees.items()
        for node in tree.body
        # what is decorated is called by its decorator; app.py calls `register` of every part that has one
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.decorator_list
        and node.name != "register"
    }
    assert written - called - CALLED_FROM_OUTSIDE == set(), "call it, or delete it with its tests"


def names_used(module: str, tree: ast.Module) -> Iterator[str]:
    """Yield what a module uses of itself and of others, by its full name."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            known |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    yield from known.values()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield f"{module}.{node.id}"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{known.get(node.value.id, '')}.{node.attr}"
