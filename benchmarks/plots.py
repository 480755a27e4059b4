"""The curves of a run as SVG: how a figure changes with the number of stored jobs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Figure


def plot(figures: Sequence[Figure], folder: Path) -> list[Path]:
    """One file for each figure that has a curve."""
    return [drawn(figure, folder) for figure in figures if "curve" in figure.more]


def drawn(figure: Figure, folder: Path) -> Path:
    """The curve of a figure, over a logarithmic axis of stored jobs."""
    from matplotlib.figure import Figure as Canvas

    curve = figure.more["curve"]
    canvas = Canvas(figsize=(6, 3.5), layout="constrained")
    axes = canvas.subplots()
    axes.plot([int(key) for key in curve], list(curve.values()), marker="o")
    axes.set(xscale="log", xlabel="jobs stored", ylabel="share of the floor's requests a second")
    axes.set_ylim(0, max(1.05, *curve.values()))
    axes.axhline(0.9 * next(iter(curve.values())), linestyle=":", label="10% below none stored")
    axes.set_title(figure.name)
    axes.legend()
    path = folder / f"{figure.name.split(' beside')[0].replace(', ', '-').replace(' ', '-')}.svg"
    canvas.savefig(path)
    return path
