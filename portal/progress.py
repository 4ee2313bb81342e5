"""A progress bar for people at a terminal, and one line now and then for a log."""

import sys
import time
from types import TracebackType
from typing import Self, TextIO

WIDTH = 30
LOG_EVERY_SECONDS = 5.0


class Bar:
    """Shows ``text``, done and total on one line of standard error; call it with each step."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._is_terminal = self._out.isatty()
        self._last = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_terminal:
            self._out.write("\r\033[K")
            self._out.flush()

    def __call__(self, text: str, done: int, total: int | None = None) -> None:
        """Show that ``done`` of ``total`` steps of ``text`` are over; ``total`` None when not known."""
        moment = time.monotonic()
        if not self._is_terminal and moment - self._last < LOG_EVERY_SECONDS:
            return
        self._last = moment
        line = f"{text}: {done}" if not total else f"{self._drawn(done / total)} {text}: {done} of {total}"
        self._out.write(f"\r\033[K{line}" if self._is_terminal else f"{line}\n")
        self._out.flush()

    @staticmethod
    def _drawn(share: float) -> str:
        filled = round(min(max(share, 0.0), 1.0) * WIDTH)
        return "[" + "#" * filled + "." * (WIDTH - filled) + "]"
