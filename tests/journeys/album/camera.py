"""The camera: one page in every width and scheme under a name that stays, and a contact sheet of them all."""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page

OUT = Path(".data/screenshots")
WIDTHS = (390, 1280)
SCHEMES = ("light", "dark")
SHEET = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Every page and state</title>
<style>body{{font:15px/1.4 system-ui;margin:2rem}}figure{{margin:0 1rem 1rem 0;
display:inline-block;vertical-align:top}}
img{{max-height:30rem;max-width:32rem;border:1px solid #999}}h3{{margin:1rem 0 .5rem}}</style>
<h1>Every page and state</h1><ul>{index}</ul>{albums}</html>"""


@dataclass
class Camera:
    """Takes pictures into ``out/<album>/<page>-<width>-<scheme>.png``."""

    out: Path = OUT
    taken: dict[str, list[str]] = field(default_factory=dict)

    def clear(self) -> None:
        shutil.rmtree(self.out, ignore_errors=True)

    def take(self, page: Page, album: str, name: str = "") -> None:
        """Take the page as it is now in every width and scheme, without asking for it again."""
        name = name or slug(page.url)
        names = self.taken.setdefault(album, [])
        assert name not in names, f"{album}/{name} was taken before"
        names.append(name)
        (self.out / album).mkdir(parents=True, exist_ok=True)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 844 if width < 600 else 900})
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                page.screenshot(path=self.out / file_name(album, name, width, scheme), full_page=True)

    def write_sheet(self) -> int:
        """Write index.html over all pictures and return how many there are."""
        index = "".join(f'<li><a href="#{album}">{album}</a></li>' for album in self.taken)
        albums = "".join(
            f'<h2 id="{album}">{album}</h2>' + "".join(_row(album, name) for name in names)
            for album, names in self.taken.items()
        )
        (self.out / "index.html").write_text(SHEET.format(index=index, albums=albums))
        return sum(len(names) for names in self.taken.values()) * len(WIDTHS) * len(SCHEMES)


def file_name(album: str, name: str, width: int, scheme: str) -> str:
    return f"{album}/{name}-{width}-{scheme}.png"


def slug(url: str) -> str:
    """Name a page by its path, with `one` for every id."""
    path = re.sub(r"/[^/]*\d[^/]*", "/one", urlsplit(url).path)
    return path.strip("/").replace("/", "-") or "overview"


def _row(album: str, name: str) -> str:
    return f"<h3>{html.escape(name)}</h3>" + "".join(_figures(album, name))


def _figures(album: str, name: str) -> Iterator[str]:
    for width in WIDTHS:
        for scheme in SCHEMES:
            place = html.escape(file_name(album, name, width, scheme))
            yield (
                f'<figure><a href="{place}"><img loading="lazy" src="{place}" alt=""></a>'
                f"<figcaption>{width} {scheme}</figcaption></figure>"
            )
