"""What a module logs, heard at its logger: whatever another test configured or cached plays no part."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

Line = dict[str, Any]


def listen(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> list[Line]:
    """Return the lines that ``module`` logs from now on; the list grows."""
    capture = LogCapture()
    logger = structlog.wrap_logger(
        structlog.PrintLogger(),
        processors=[structlog.contextvars.merge_contextvars, capture],
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=False,
    )
    monkeypatch.setattr(module, "log", logger)
    lines: list[Line] = capture.entries
    return lines
