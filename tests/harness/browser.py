"""Chromium for tests: found on the machine, started once a worker, and it always says when it is missing.

A page reports what the browser complains about: CSP violations, script errors, failed requests.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

FLAGS = [
    "--no-sandbox",  # CI runs as root in a container
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

RUN_AXE = "options => axe.run(options).then(told => told.violations)"
TOO_WIDE = "(d => d ? d.scrollWidth - d.clientWidth : 0)(document.documentElement)"
WATCH_CSP = """
window.__violations = [];
document.addEventListener('securitypolicyviolation', e => window.__violations.push(
  `${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`));
"""


def executable() -> str | None:
    """Find a browser on this machine; None leaves the choice to Playwright's own."""
    chosen = os.environ.get("CHROMIUM_PATH")
    if chosen:
        assert Path(chosen).exists(), f"CHROMIUM_PATH names {chosen}, which is not there"
        return chosen
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a headless Chromium; a missing one fails the test and says what to install."""
    with sync_playwright() as playwright:
        path = executable()
        if path is None and not Path(playwright.chromium.executable_path).exists():
            raise AssertionError("No Chromium here: run `bin/setup dev`, or set CHROMIUM_PATH.")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Tab:
    """One page of one visitor, with everything the browser complained about."""

    page: Page
    javascript: bool = True
    complaints: list[str] = field(default_factory=list)

    def axe(self, *rules: str) -> list[str]:
        """Return what axe finds wrong with the page as it is now, by all rules or by ``rules`` alone;
        nothing where scripts are off.

        axe waits for timers, which never fire there; the same markup is judged with scripts on.
        """
        if not self.javascript:
            return []
        # axe runs through the debugger, which the page's CSP does not bind; once a document, for it is big
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE_SCRIPT)
        options = {"runOnly": list(rules) or AXE_TAGS, "resultTypes": ["violations"]}
        found = self.page.evaluate(RUN_AXE, options)
        return [
            f"{rule['id']} ({rule['impact']}): {rule['help']}: "
            + "; ".join(node["html"][:160] for node in rule["nodes"][:3])
            for rule in found
        ]

    def violations(self) -> list[str]:
        """Return what the page's CSP has blocked so far."""
        told: list[str] = self.page.evaluate("window.__violations || []")
        return told + [line for line in self.complaints if "Content Security Policy" in line]

    def assert_clean(self) -> None:
        """No CSP violation, no script error, no axe finding, no sideways scrolling."""
        where = f"{self.page.url} at {self.page.viewport_size}"
        assert not self.violations(), f"{where}: {self.violations()}"
        assert not self.complaints, f"{where}: {self.complaints}"
        assert not self.axe(), f"{where}: " + "\n".join(self.axe())
        # a page that refreshes itself may be between two documents
        self.page.wait_for_load_state()
        wide = self.page.evaluate(TOO_WIDE)
        assert wide <= 0, f"{where}: the page scrolls sideways by {wide} px"


def open_tab(context: BrowserContext, *, javascript: bool = True) -> Tab:
    """Open a page that keeps a list of complaints."""
    tab = Tab(context.new_page(), javascript)
    tab.page.on("console", lambda said: _note(tab, said.type, said.text))
    tab.page.on("pageerror", lambda error: tab.complaints.append(f"script error: {error}"))
    return tab


@contextmanager
def visitor(browser: Browser, *, javascript: bool = True, **options: Any) -> Iterator[Tab]:
    """Give one person a fresh browser profile with one tab."""
    options.setdefault("viewport", DESKTOP)
    context = browser.new_context(java_script_enabled=javascript, reduced_motion="reduce", **options)
    if javascript:
        context.add_init_script(WATCH_CSP)
    try:
        yield open_tab(context, javascript=javascript)
    finally:
        context.close()


def _note(tab: Tab, kind: str, text: str) -> None:
    # a form answered with 422 or a page that is gone is reported by the browser as an error: it is none
    if kind == "error" and "Failed to load resource" not in text:
        tab.complaints.append(f"console: {text}")
