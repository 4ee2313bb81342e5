"""Zoho's own OpenAPI files, read from beside the checkout; where they are absent the tests that need them
say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
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
class Parameter:
    """One parameter of a query; what its prose says is `told`."""

    name: str
    told: str
    example: str

    def filters(self) -> list[str]:
        """The values of a `filter_by` that the prose allows."""
        prefix = self.example.partition(".")[0]
        codes = re.findall(r"<code>\s*([\w.]+)\s*</code>", self.told)
        return [code if "." in code else f"{prefix}.{code}" for code in codes if code != self.name]


@dataclass(frozen=True)
class Operation:
    """One operation of one file."""

    file: str
    method: str
    path: str
    status: int
    answer: Schema = field(hash=False, compare=False)
    asked: Schema | None = field(default=None, hash=False, compare=False)
    query: tuple[Parameter, ...] = field(default=(), hash=False, compare=False)

    @property
    def name(self) -> str:
        """How it is called in cases and exceptions."""
        return f"{self.method} {self.path}"

    @property
    def filtered(self) -> list[str]:
        """What its `filter_by` may be; nothing where it has none."""
        return [value for each in self.query if each.name == "filter_by" for value in each.filters()]

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
            query = tuple(_parameters(document, described))
            made.append(Operation(path.stem, method.upper(), url, int(status), answer, asked, query))
    return made


def _parameters(document: Schema, described: Schema) -> Iterator[Parameter]:
    for each in resolved(document, described.get("parameters", [])):
        if each["in"] == "query":
            example = str(each.get("example", ""))
            yield Parameter(each["name"], str(each.get("description", "")), example)
    prose = str(described.get("description", ""))
    if "allowed values for <code>filter_by</code> are Status." in prose:  # customers: in prose alone
        yield Parameter("filter_by", prose, "Status.All")


def _content(document: Schema, holder: Schema) -> Schema | None:
    content = resolved(document, holder).get("content")
    if not content:
        return None
    return resolved(document, next(iter(content.values())).get("schema", {}))


def resolved(document: Schema, schema: Any, seen: tuple[str, ...] = ()) -> Any:
    """A schema with its references written out; one that contains itself ends in "anything"."""
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
