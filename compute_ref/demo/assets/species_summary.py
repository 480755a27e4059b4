"""Statistics per species of the Palmer penguins, as JSON and CSV, and a plot as SVG.

Needs nothing but Python. Reads the first file of the first input dataset; ``algocustomdata`` may
name the two measures of the plot: ``{"x": "bill_length_mm", "y": "bill_depth_mm"}``.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import correlation, linear_regression, mean, median, stdev
from xml.sax.saxutils import escape

MEASURES = {
    "bill_length_mm": "Bill length (mm)",
    "bill_depth_mm": "Bill depth (mm)",
    "flipper_length_mm": "Flipper length (mm)",
    "body_mass_g": "Body mass (g)",
}
COLOURS = {"Adelie": "#e07b00", "Chinstrap": "#9b3fd1", "Gentoo": "#0f8b8d"}
INPUTS, OUTPUTS = Path(os.environ["INPUTS"]), Path(os.environ["OUTPUTS"])
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 780, 520, 78, 84, 170, 64

Row = dict[str, str]


def main() -> None:
    """Read, count, write."""
    rows = read()
    species = {name: [row for row in rows if row["species"] == name] for name in sorted(COLOURS)}
    summary = {name: summarise(penguins) for name, penguins in species.items()}
    write_json(summary)
    write_csv(summary)
    x, y = plotted()
    lines = plot({name: points(penguins, x, y) for name, penguins in species.items()}, x, y)
    (OUTPUTS / "penguins.svg").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(rows)} penguins of {len(species)} species; plotted {y} over {x}")


def read() -> list[Row]:
    """The table of the first dataset."""
    first = json.loads(os.environ["DIDS"])[0]
    with (INPUTS / first / "0").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def plotted() -> tuple[str, str]:
    """The measures of the plot, as the consumer or nobody chose them."""
    custom = json.loads((INPUTS / "algoCustomData.json").read_text(encoding="utf-8")) or {}
    x, y = custom.get("x", "flipper_length_mm"), custom.get("y", "body_mass_g")
    for measure in (x, y):
        if measure not in MEASURES:
            raise SystemExit(f"no measure {measure!r}; there are {', '.join(MEASURES)}")
    return x, y


def values(rows: list[Row], measure: str) -> list[float]:
    """The known values of a measure."""
    return [float(row[measure]) for row in rows if row[measure] not in ("", "NA")]


def points(rows: list[Row], x: str, y: str) -> list[tuple[float, float]]:
    """Pairs of which both are known."""
    known = [row for row in rows if "NA" not in (row[x], row[y]) and row[x] and row[y]]
    return [(float(row[x]), float(row[y])) for row in known]


def summarise(rows: list[Row]) -> dict[str, dict[str, float]]:
    """Per measure: how many are known, and their statistics."""
    return {measure: statistics(values(rows, measure)) for measure in MEASURES}


def statistics(numbers: list[float]) -> dict[str, float]:
    """The usual five and the count, rounded to hundredths."""
    found = {
        "mean": mean(numbers),
        "sd": stdev(numbers),
        "min": min(numbers),
        "median": median(numbers),
        "max": max(numbers),
    }
    return {"n": len(numbers)} | {name: round(value, 2) for name, value in found.items()}


def write_json(summary: dict[str, dict[str, dict[str, float]]]) -> None:
    """``{species: {measure: statistics}}``."""
    (OUTPUTS / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def write_csv(summary: dict[str, dict[str, dict[str, float]]]) -> None:
    """One row for each species and measure."""
    with (OUTPUTS / "summary.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("species", "measure", "n", "mean", "sd", "min", "median", "max"))
        for species, measures in summary.items():
            for measure, found in measures.items():
                table.writerow((species, measure, *found.values()))


@dataclass(frozen=True)
class Axis:
    """A scale from numbers to places on the page."""

    low: float
    high: float
    step: float
    start: float
    end: float

    def place(self, number: float) -> float:
        """Where `number` lies on the page."""
        share = (number - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> Iterator[float]:
        """The numbers that get a grid line."""
        count = round((self.high - self.low) / self.step)
        return (self.low + place * self.step for place in range(count + 1))


def axis(numbers: Sequence[float], start: float, end: float) -> Axis:
    """A scale around `numbers` with five to ten round steps."""
    spread = max(numbers) - min(numbers)
    step = next(
        size * 10**power
        for power in range(-3, 9)
        for size in (1, 2, 5)
        if spread / (size * 10**power) <= 7
    )
    low = min(numbers) // step * step
    return Axis(low, -(-max(numbers) // step) * step, step, start, end)


def plot(groups: dict[str, list[tuple[float, float]]], x: str, y: str) -> Iterator[str]:
    """The lines of the SVG."""
    everything = [point for group in groups.values() for point in group]
    across = axis([point[0] for point in everything], LEFT, WIDTH - RIGHT)
    up = axis([point[1] for point in everything], HEIGHT - BOTTOM, TOP)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
        f' height="{HEIGHT}" font-family="Helvetica, Arial, sans-serif" fill="#30343b">'
    )
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fcfcfa"/>'
    x_name, y_name = MEASURES[x], MEASURES[y]
    title = f"{y_name.split(' (')[0]} and {x_name.split(' (')[0].lower()} of three penguin species"
    yield text(LEFT, 36, title, 'font-size="20" font-weight="bold"')
    source = f"{len(everything)} adult penguins, Palmer Archipelago, 2007 to 2009"
    yield text(LEFT, 58, source, 'font-size="13" fill="#6b7078"')
    yield from grid(across, up)
    yield text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 18, x_name, 'font-size="13"', "middle")
    middle = (TOP + HEIGHT - BOTTOM) / 2
    turned = f'font-size="13" transform="rotate(-90 22 {middle})"'
    yield text(22, middle, y_name, turned, "middle")
    for place, (species, group) in enumerate(groups.items()):
        yield from cloud(group, COLOURS[species], across, up)
        yield from label(species, group, place)
    yield "</svg>"


def grid(across: Axis, up: Axis) -> Iterator[str]:
    """Quiet lines with their numbers."""
    right, bottom, grey = WIDTH - RIGHT, HEIGHT - BOTTOM, 'font-size="12" fill="#6b7078"'
    for number in up.ticks():
        y = up.place(number)
        yield f'<path d="M{LEFT} {y}H{right}" stroke="#e4e4df"/>'
        yield text(LEFT - 10, y + 4, f"{number:,g}", grey, "end")
    for number in across.ticks():
        x = across.place(number)
        yield f'<path d="M{x} {TOP}V{bottom}" stroke="#e4e4df"/>'
        yield text(x, bottom + 20, f"{number:,g}", grey, "middle")


def cloud(group: list[tuple[float, float]], colour: str, across: Axis, up: Axis) -> Iterator[str]:
    """The points of a species and their straight line."""
    yield f'<g fill="{colour}" fill-opacity="0.55" stroke="#fcfcfa" stroke-width="0.7">'
    for x, y in group:
        yield f'<circle cx="{across.place(x)}" cy="{up.place(y)}" r="4.5"/>'
    yield "</g>"
    xs, ys = zip(*group, strict=True)
    slope, intercept = linear_regression(xs, ys)
    ends = [(across.place(x), up.place(slope * x + intercept)) for x in (min(xs), max(xs))]
    (x1, y1), (x2, y2) = ends
    line = f'stroke="{colour}" stroke-width="2.5" stroke-linecap="round"'
    yield f'<path d="M{x1} {y1}L{x2} {y2}" {line}/>'


def label(species: str, group: list[tuple[float, float]], place: int) -> Iterator[str]:
    """The species' name, count and correlation, to the right of the plot."""
    x, y, colour = WIDTH - RIGHT + 24, TOP + 22 + 52 * place, COLOURS[species]
    yield f'<circle cx="{x}" cy="{y - 5}" r="6" fill="{colour}"/>'
    yield text(x + 14, y, species, f'font-size="14" font-weight="bold" fill="{colour}"')
    xs, ys = zip(*group, strict=True)
    found = f"n = {len(group)}, r = {correlation(xs, ys):.2f}"
    yield text(x + 14, y + 18, found, 'font-size="12" fill="#6b7078"')


def text(x: float, y: float, words: str, style: str, anchor: str = "start") -> str:
    """One line of text."""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" {style}>{escape(words)}</text>'


if __name__ == "__main__":
    main()
