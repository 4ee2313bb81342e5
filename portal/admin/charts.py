"""Small bar charts as figures of a picture: where each bar stands, computed here, drawn by the template."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

WIDTH, HEIGHT, GAP = 240, 48, 1


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    at: datetime
    n: int


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with its title; the template puts a table of the same numbers behind it."""

    title: str
    unit: str
    bars: list[Bar]
    total: int
    width: int = WIDTH
    height: int = HEIGHT


def draw(title: str, unit: str, points: list[dict[str, Any]]) -> Chart:
    """Place one bar a point; ``unit`` is "hour" or "day"."""
    most = max((point["n"] for point in points), default=0) or 1
    step = WIDTH / max(len(points), 1)
    bars = []
    for place, point in enumerate(points):
        height = round(HEIGHT * point["n"] / most, 1)
        moment = datetime.fromisoformat(point["at"])
        bars.append(
            Bar(round(place * step, 1), HEIGHT - height, round(step - GAP, 1), height, moment, point["n"])
        )
    return Chart(title, unit, bars, sum(point["n"] for point in points))
