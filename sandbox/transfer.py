"""A world as one JSON document, out and in again: every kind with its documents and its columns.

It is written piece by piece, so that a large world does not have to fit in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sandbox.tx import Doc, Tx

if TYPE_CHECKING:
    from sandbox.world import World

FORMAT = 1
OWN_OF_FILE = "phrases"


def pieces(world: World) -> Iterator[str]:
    """The document, in pieces."""
    with world.store.read() as tx:
        head = {"format": FORMAT, "now": world.clock.stamp(), "meta": _meta(tx)}
        yield json.dumps(head)[:-1] + ', "kinds": {'
        for index, kind in enumerate(tx.kinds()):
            columns = tx.columns(kind)
            yield ("," if index else "") + json.dumps(kind) + ": " + json.dumps({"columns": columns})[:-1]
            yield ', "rows": ['
            for number, row in enumerate(tx.rows(kind, columns)):
                yield ("," if number else "") + json.dumps(row, ensure_ascii=False, separators=(",", ":"))
            yield "]}"
        yield "}}"


def export(world: World) -> Doc:
    """The document at once, for small worlds."""
    made: Doc = json.loads("".join(pieces(world)))
    return made


def load(world: World, document: Any) -> None:
    """Replace the world by one that was exported; raises ValueError for anything else."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError("not an exported world")
    meta, kinds = document.get("meta"), document.get("kinds")
    if not isinstance(meta, dict) or not isinstance(kinds, dict):
        raise ValueError("not an exported world")
    world.replace(lambda tx: _fill(tx, meta, kinds))


def _meta(tx: Tx) -> dict[str, str]:
    return {key: value for key, value in tx.all_meta().items() if key != OWN_OF_FILE}


def _fill(tx: Tx, meta: Doc, kinds: Doc) -> None:
    for key, value in meta.items():
        if key != OWN_OF_FILE:
            tx.set_meta(str(key), str(value))
    for kind, table in kinds.items():
        columns = [str(name) for name in table["columns"]]
        for row in table["rows"]:
            id_, doc, *values = row
            if not isinstance(id_, str) or not isinstance(doc, dict) or len(values) != len(columns):
                raise ValueError(f"not a row of {kind}")
            tx.put(kind, id_, doc, **dict(zip(columns, values, strict=True)))
