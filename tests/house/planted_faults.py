"""Every local semgrep rule finds the fault it is there for, and leaves its innocent twin alone.

Not named test_*: `make scan` runs it, because it needs semgrep, which lives in an environment of its own.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
SEMGREP = CHECKOUT / ".venv-semgrep" / "bin" / "semgrep"

FAULTS = {
    "signature-compared-with-equals": (
        "portal/a.py",
        "def f(signature, sent):\n    return signature == sent\n",
    ),
    "sql-built-from-strings": ("portal/b.py", 'def f(c, name):\n    c.execute(f"select {name}")\n'),
    "session-wide-set": ("portal/c.py", 'def f(c):\n    c.execute("set role authenticated")\n'),
    "commit-in-a-block": ("portal/k.py", "def f(conn):\n    conn.commit()\n"),
    "unchecked-redirect": ("portal/d.py", "def f():\n    return redirect(request.args.get('next'))\n"),
    "markup-of-text": ("portal/e.py", "def f(name):\n    return Markup(name)\n"),
    "wall-clock-around-the-clock": ("portal/f.py", "def f():\n    return datetime.now(UTC)\n"),
    "shared-supabase-client": ("portal/g.py", "client = create_client(url, key)\n"),
    "certificate-check-off": ("portal/h.py", "def f():\n    requests.get(url, verify=False)\n"),
    "swallowed-error": (
        "portal/i.py",
        "def f():\n    try:\n        g()\n    except Exception:\n        pass\n",
    ),
    "portal-and-sandbox-apart": ("portal/j.py", "from sandbox import app\n"),
    "safe-filter": ("templates/a.html", "<p>{{ note | safe }}</p>\n"),
    "autoescape-off": ("templates/b.html", "{% autoescape false %}{{ note }}{% endautoescape %}\n"),
    "htmx-that-needs-eval": ("templates/c.html", '<p hx-vals="js:{a: 1}"></p>\n'),
    "csrf-token-on-body": ("templates/d.html", '<body hx-headers=\'{"X": "1"}\'></body>\n'),
    "handler-attribute": ("templates/e.html", '<button onclick="go()">Go</button>\n'),
    "card-field": ("templates/f.html", '<input name="card_number">\n'),
}
INNOCENT = {
    "portal/twin.py": """
def f(conn, signature, sent, name):
    hmac.compare_digest(signature, sent)
    conn.execute("select set_config('role', %s, true)", [name])
    conn.execute("set local lock_timeout = '1s'")
    conn.execute("update t set a = %s", [name])
    with suppress(KeyError):
        create_client(url, key)
    return redirect(url_for("plans.show"))
""",
    "templates/twin.html": '<form hx-post="/x" hx-trigger="submit"><input name="coupon"></form>{{ note }}\n',
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Which files each rule complained about."""
    folder = tmp_path_factory.mktemp("planted")
    for name, text in [*FAULTS.values(), *INNOCENT.items()]:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    command = [str(SEMGREP), "scan", "--config", str(CHECKOUT / ".semgrep"), "--metrics", "off"]
    done = subprocess.run(
        [*command, "--disable-version-check", "--json", "--quiet", "--no-git-ignore", "."],
        cwd=folder,
        env={"PATH": f"{SEMGREP.parent}:/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    hits: dict[str, list[str]] = {}
    for result in json.loads(done.stdout)["results"]:
        hits.setdefault(result["check_id"].rpartition(".")[2], []).append(result["path"])
    return hits


@pytest.mark.parametrize("rule", sorted(FAULTS))
def test_the_rule_finds_its_fault(found: dict[str, list[str]], rule: str) -> None:
    assert FAULTS[rule][0] in found.get(rule, [])


def test_the_innocent_twins_are_left_alone(found: dict[str, list[str]]) -> None:
    blamed = {path for paths in found.values() for path in paths}
    assert not blamed & set(INNOCENT)


def test_every_rule_has_a_planted_fault() -> None:
    rules = [
        yaml.safe_load(path.read_text())["rules"] for path in sorted((CHECKOUT / ".semgrep").glob("*.yml"))
    ]
    assert {rule["id"] for group in rules for rule in group} == set(FAULTS)
