"""Zoho's own OpenAPI files, read from beside the checkout; where they are absent the tests that need them
say so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "zoho" / "openapi"
ABSENT = "Zoho's OpenAPI files are not beside this checkout (../shared/zoho/openapi)"
METHODS = ("get", "post", "put", "delete")

Schema = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """One operation of one file."""

    file: str
    method: str
    path: str
    status: int
    answer: Schema = field(hash=False, compare=False)
    asked: Schema | None = field(default=None, hash=False, compare=False)

    @property
    def name(self) -> str:
        """How it is called in cases and exceptions."""
        return f"{self.method} {self.path}"

    def __str__(self) -> str:
        return f"{self.file}: {self.name}"


@cache
def operations() -> tuple[Operation, ...]:
    """Every operation of every file; none where the files are absent."""
    return tuple(one for path in sorted(FOLDER.glob("*.yml")) for one in _operations(path))


def _operations(path: Path) -> list[Operation]:
    document = yaml.safe_load(path.read_text())
    made = []
    for url, methods in document["paths"].items():
        for method in METHODS:
            if method not in methods:
                continue
            described = methods[method]
            status = next(iter(described["responses"]))
            answer = _content(document, described["responses"][status]) or {}
            asked = _content(document, described.get("requestBody", {}))
            made.append(Operation(path.stem, method.upper(), url, int(status), answer, asked))
    return made


def _content(document: Schema, holder: Schema) -> Schema | None:
    content = resolved(document, holder).get("content")
    if not content:
        return None
    return resolved(document, next(iter(content.values())).get("schema", {}))


def resolved(document: Schema, schema: Any, seen: tuple[str, ...] = ()) -> Any:
    """A schema with its references written out; one that contains itself ends in «anything»."""
    if isinstance(schema, list):
        return [resolved(document, each, seen) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"]
        if name in seen:
            return {}
        found: Any = document
        for step in name.removeprefix("#/").split("/"):
            found = found[step]
        return resolved(document, found, (*seen, name))
    return {key: resolved(document, value, seen) for key, value in schema.items()}
