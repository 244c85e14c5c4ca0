"""Small charts as SVG text: lines, points and bars on plain axes. No library, no script."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH, HEIGHT = 560, 340
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 34, 44
COLOURS: Final = ("#0b6e99", "#c2410c", "#6b7280", "#7c3aed", "#15803d")
"""Told apart by the colour-blind too; series differ in dashes as well."""
DASHES: Final = ("", "7 3", "2 3", "9 3 2 3", "4 4")
_TEXT: Final = 'font-family="system-ui, sans-serif" font-size="12" fill="#1f2937"'


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one name, in the order they are joined."""

    name: str
    points: tuple[tuple[float, float], ...]
    joined: bool = True


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis."""

    title: str
    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """0…1 along the axis; what lies outside stands at its end."""
        low, high = self.low, self.high
        if self.log:
            value, low, high = (math.log10(max(each, self.low)) for each in (value, low, high))
        return min(max((value - low) / (high - low), 0.0), 1.0)

    def ticks(self) -> list[float]:
        """Where it is marked."""
        if not self.log:
            return [self.low + (self.high - self.low) * k / 5 for k in range(6)]
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        marks = [m * 10.0**e for e in range(first, last + 1) for m in (1, 3)]
        return [mark for mark in marks if self.low <= mark <= self.high]


def chart(title: str, x: Axis, y: Axis, series: Sequence[Series], diagonal: bool = False) -> str:
    """Lines or points of several series over two axes, with a legend."""
    parts = [_frame(title), *_axis_lines(x, y)]
    at = _placer(x, y)
    if diagonal:
        parts.append(_line([at((0, 0)), at((1, 1))], "#9ca3af", "3 3", 1))
    for number, each in enumerate(series):
        colour, dash = COLOURS[number % 5], DASHES[number % 5]
        places = [at(point) for point in each.points]
        if each.joined:
            parts.append(_line(places, colour, dash, 2))
        parts += [
            f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{colour}"/>'
            for px, py in (places if not each.joined or len(places) <= 30 else [])
        ]
        parts.append(_key(number, each.name, colour, dash))
    return "".join([*parts, "</svg>"])


def bars(title: str, y: Axis, groups: Sequence[str], series: Sequence[Series]) -> str:
    """Bars side by side in groups; a series' points are (group index, height)."""
    parts = [_frame(title), *_axis_lines(Axis("", 0, len(groups)), y, ticks_x=False)]
    width = (WIDTH - LEFT - RIGHT) / max(1, len(groups))
    thin = 0.8 * width / max(1, len(series))
    for number, each in enumerate(series):
        colour = COLOURS[number % 5]
        for group, value in each.points:
            px = LEFT + group * width + 0.1 * width + number * thin
            tall = y.place(value) * (HEIGHT - TOP - BOTTOM)
            parts.append(
                f'<rect x="{px:.1f}" y="{HEIGHT - BOTTOM - tall:.1f}" width="{thin:.1f}"'
                f' height="{tall:.1f}" fill="{colour}"><title>{escape(groups[int(group)])},'
                f" {escape(each.name)}: {value:.3f}</title></rect>"
            )
        parts.append(_key(number, each.name, colour, ""))
    for number, name in enumerate(groups):
        px = LEFT + (number + 0.5) * width
        parts.append(
            f'<text {_TEXT} transform="translate({px:.1f},{HEIGHT - BOTTOM + 12}) rotate(20)"'
            f' style="font-size:10px">{escape(name)}</text>'
        )
    return "".join([*parts, "</svg>"])


def _placer(x: Axis, y: Axis) -> Callable[[tuple[float, float]], tuple[float, float]]:
    def at(point: tuple[float, float]) -> tuple[float, float]:
        px = LEFT + x.place(point[0]) * (WIDTH - LEFT - RIGHT)
        return px, HEIGHT - BOTTOM - y.place(point[1]) * (HEIGHT - TOP - BOTTOM)

    return at


def _frame(title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT + 24}" role="img"'
        f' aria-label="{escape(title)}" width="{WIDTH}"><rect width="100%" height="100%"'
        f' fill="#ffffff"/><text {_TEXT} x="{LEFT}" y="18" font-weight="600">{escape(title)}</text>'
    )


def _axis_lines(x: Axis, y: Axis, *, ticks_x: bool = True) -> list[str]:
    at = _placer(x, y)
    (left, base), (right, top) = at((x.low, y.low)), at((x.high, y.high))
    parts = [_line([(left, top), (left, base), (right, base)], "#374151", "", 1)]
    for value in y.ticks():
        _, py = at((x.low, value))
        parts.append(_line([(left, py), (right, py)], "#e5e7eb", "", 1))
        parts.append(
            f'<text {_TEXT} x="{left - 6}" y="{py + 4:.1f}" text-anchor="end">{value:g}</text>'
        )
    for value in x.ticks() if ticks_x else []:
        px, _ = at((value, y.low))
        parts.append(
            f'<text {_TEXT} x="{px:.1f}" y="{base + 16}" text-anchor="middle">{value:g}</text>'
        )
    middle = (top + base) / 2
    parts.append(
        f'<text {_TEXT} transform="translate(14,{middle}) rotate(-90)" text-anchor="middle">'
        f"{escape(y.title)}</text>"
    )
    parts.append(
        f'<text {_TEXT} x="{(left + right) / 2}" y="{base + 34}" text-anchor="middle">'
        f"{escape(x.title)}</text>"
    )
    return parts


def _line(places: Sequence[tuple[float, float]], colour: str, dash: str, width: int) -> str:
    points = " ".join(f"{px:.1f},{py:.1f}" for px, py in places)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    stroke = f'stroke="{colour}" stroke-width="{width}"{dashed}'
    return f'<polyline points="{points}" fill="none" {stroke}/>'


def _key(number: int, name: str, colour: str, dash: str) -> str:
    px, py = LEFT + 8 + number * 150, HEIGHT + 12
    return (
        _line([(px, py - 4), (px + 24, py - 4)], colour, dash, 3)
        + f'<text {_TEXT} x="{px + 30}" y="{py}">{escape(name)}</text>'
    )
