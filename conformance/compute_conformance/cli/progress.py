"""What a person sees of a run at a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from rich import progress as bars
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from compute_conformance.outcomes import Outcome
from compute_conformance.renderings.markdown import conclusion
from compute_conformance.verdicts import Verdict

COLOURS: Final[Mapping[str, str]] = {
    "pass": "green",
    "fail": "bold red",
    "error": "bold red",
    "warn": "yellow",
    "contested": "yellow",
    "inconclusive": "magenta",
    "unsupported": "cyan",
    "disabled": "dim",
}
LOUD: Final = frozenset({Verdict.FAIL, Verdict.ERROR, Verdict.CONTESTED, Verdict.WARN})


class Progress:
    """A bar that counts, and a line for each outcome that somebody should see."""

    def __init__(self, console: Console, total: int, *, quiet: bool) -> None:
        self._console, self._quiet = console, quiet
        self._counts: Counter[Verdict] = Counter()
        self._bar = bars.Progress(
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TextColumn("{task.description}"),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def tell(self, outcome: Outcome) -> None:
        """One more check has ended."""
        self._counts[outcome.verdict] += 1
        counts = ", ".join(f"{count} {verdict}" for verdict, count in self._counts.items())
        self._bar.update(self._task, advance=1, description=counts)
        if outcome.verdict in LOUD and not self._quiet:
            requirement, colour = outcome.check.requirement, COLOURS[outcome.verdict]
            self._bar.console.print(
                f"[{colour}]{outcome.verdict:>12}[/]  {requirement.id}  "
                f"{escape(requirement.sentence)}\n"
                f"{'':14}expected {escape(outcome.expected)}\n"
                f"{'':14}observed {escape(outcome.observed)}",
                highlight=False,
            )


def summary(console: Console, document: Mapping[str, Any]) -> None:
    """The counts of each level, and the conclusion."""
    if document["wiring"]:
        console.print(f"[bold]{escape(document['target'])}[/] could not be judged.")
        console.print(escape(document["wiring"]))
        return
    shown = [one for one in Verdict if any(one in level for level in document["counts"].values())]
    table = Table("level", *(f"[{COLOURS[one]}]{one.value}[/]" for one in shown))
    for level, counts in document["counts"].items():
        table.add_row(level, *(str(counts.get(one, 0)) for one in shown))
    console.print(table)
    if document["cut"]:
        console.print(escape(document["cut"]))
    for leftover in document["leftovers"]:
        console.print(f"left over: the job {escape(leftover)}")
    console.print(f"[bold]{escape(document['target'])}[/] {conclusion(document)}.")
    console.print(f"This was effort {document['effort']} with seed {document['seed']}.")
