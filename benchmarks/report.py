"""The table of a run for people: ``python -m benchmarks.report [figures.json]`` prints it.

The file is what a run of the benchmarks writes.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure

REPORTS = Path("reports/bench")
HEAD = """\
| figure | goal | measured (smallest to largest) | beside | compared | goal met |
|---|---|---|---|---|---|"""


def written(path: Path) -> str:
    """The report of a file, as Markdown."""
    document = json.loads(path.read_text(encoding="utf-8"))
    figures = (Figure(**figure) for figure in document["figures"])
    return "\n".join((*machine(document["machine"]), "", HEAD, *map(row, figures), ""))


def machine(described: Mapping[str, Any]) -> Iterator[str]:
    """The machine's description, a line for each thing."""
    for name, value in described.items():
        told = ", ".join(map(str, value)) if isinstance(value, list) else value
        yield f"- {name.replace('_', ' ')}: {told}"


def row(figure: Figure) -> str:
    """A figure as a row: median and spread, what it was beside, and what the goal is held to."""
    low, high = map(number, figure.spread)
    measured = f"{number(figure.ours)} {figure.unit} ({low} to {high})"
    beside = f"{number(figure.floor)} {figure.unit}, {figure.beside}" if figure.beside else ""
    met = "yes" if figure.met else "**no**"
    compared = number(figure.result)
    return f"| {figure.name} | {figure.goal} | {measured} | {beside} | {compared} | {met} |"


def number(value: float) -> str:
    """Three digits that count, thousands apart."""
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    return f"{round(value, digits):,.{max(0, digits)}f}"


if __name__ == "__main__":
    print(written(Path(*sys.argv[1:]) if sys.argv[1:] else REPORTS / "figures.json"), end="")
