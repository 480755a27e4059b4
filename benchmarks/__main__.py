"""Every figure of the server beside its floor, in one run: ``python -m benchmarks [GROUP …]``.

Groups are looking, starting, running, moving, opening, judging; all without arguments. Prints the
rows as they come; writes ``figures.json``, ``figures.md`` and an SVG for each curve to
``reports/bench``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import judging, looking, machine, moving, opening, running, starting
from benchmarks.figures import Figure
from benchmarks.plots import plot
from benchmarks.report import HEAD, REPORTS, row, written
from benchmarks.stored import A_LOT, Stored, stored


class Place:
    """Where a run works: its folders of stored jobs are made when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fdatasync = machine.fdatasync(folder)
        self._stored: dict[int, Stored] = {}

    def __getitem__(self, count: int) -> Stored:
        if count not in self._stored:
            self._stored[count] = stored(self.folder / f"stored-{count}", count)
        return self._stored[count]

    def new(self, name: str) -> Path:
        """A folder of its own."""
        path = self.folder / name
        path.mkdir()
        return path


GROUPS: Mapping[str, Callable[[Place], Iterable[Figure]]] = {
    "looking": lambda place: looking.figures(place, place.new("looking")),
    "starting": lambda place: starting.figures(place.new("starting"), place.fdatasync),
    "running": lambda place: running.figures(place.new("running"), place.fdatasync),
    "moving": lambda place: moving.figures(place.new("moving")),
    "opening": lambda place: opening.figures(place[1], place[A_LOT]),
    "judging": lambda place: judging.figures(place.new("judging")),
}


def main(names: Sequence[str]) -> None:
    """Measure, print as it goes, and write the report."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="compute-ref-bench-") as temporary:
        place = Place(Path(temporary))
        described = machine.described(place.folder)
        print(json.dumps(described), flush=True)
        figures = list(told(measured(place, names or list(GROUPS))))
    report = {"machine": described, "figures": [figure.to_json() for figure in figures]}
    document = REPORTS / "figures.json"
    document.write_text(json.dumps(report, indent=2))
    (REPORTS / "figures.md").write_text(written(document))
    plot(figures, REPORTS)


def measured(place: Place, names: Sequence[str]) -> Iterator[Figure]:
    """The figures of these groups."""
    for name in names:
        yield from GROUPS[name](place)


def told(figures: Iterable[Figure]) -> Iterator[Figure]:
    """Print each as it comes."""
    print(HEAD)
    for one in figures:
        print(row(one), flush=True)
        yield one


if __name__ == "__main__":
    main(sys.argv[1:])
