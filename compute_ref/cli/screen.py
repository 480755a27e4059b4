"""How jobs look at a terminal: phases as they pass, tables, bars."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table

from compute_ref.client import is_final, phases, succeeded
from compute_ref.client.client import Status
from compute_ref.client.following import Phase


class PhaseLog:
    """One line for each phase that a job has left behind, and a spinner for the present one."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._spinner = console.status("asking the server")
        self._shown = 0

    def __enter__(self) -> PhaseLog:
        self._spinner.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._spinner.stop()

    def show(self, job: Status) -> None:
        """Bring the screen up to the job's present state."""
        passed = phases(job)
        last = len(passed) if is_final(job) else len(passed) - 1
        for place in range(self._shown, last):
            self._console.print(_line(passed, place, is_final(job) and not succeeded(job)))
        self._shown = last
        self._spinner.update(escape(passed[-1].text))


def _line(passed: list[Phase], place: int, failed: bool) -> str:
    phase, last = passed[place], place == len(passed) - 1
    sign = "[red]✗[/]" if last and failed else "[green]✓[/]"
    spent = "" if last or not phase.at else f"[dim]{passed[place + 1].at - phase.at:8.2f} s[/]"
    return f"  {sign} {phase.status:>2}  {escape(phase.text):<30} {spent}".rstrip()


def print_job(console: Console, job: Status) -> None:
    """The facts about one job that a person asks for."""
    facts = {
        "Job": job.get("jobId"),
        "Status": f"{job.get('status')} {job.get('statusText')}",
        "Ended": _ending(job),
        "Dataset": job.get("documentId"),
        "Algorithm": job.get("algoDID"),
        "Environment": job.get("environment"),
        "Created": moment(job.get("dateCreated")),
        "Finished": moment(job.get("dateFinished")),
    }
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, fact in facts.items():
        if fact:
            grid.add_row(f"[dim]{name}[/]", escape(str(fact)))
    console.print(grid)


def print_jobs(console: Console, jobs: Iterable[Status]) -> None:
    """One row for each job."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("Job", no_wrap=True, min_width=32)
    for name in ("Created", "Status", "Ended"):
        table.add_column(name, overflow="fold")
    for job in jobs:
        status = f"{job.get('status')} {job.get('statusText')}"
        table.add_row(
            str(job.get("jobId")),
            moment(job.get("dateCreated")),
            escape(status),
            escape(_ending(job)),
        )
    console.print(table)


def print_results(console: Console, results: Iterable[dict[str, Any]]) -> None:
    """One row for each result file."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("Index", justify="right")
    table.add_column("File", overflow="fold")
    table.add_column("Type")
    table.add_column("Size", justify="right")
    for place, result in enumerate(results):
        table.add_row(
            str(result.get("index", place)),
            escape(str(result.get("filename"))),
            str(result.get("type")),
            decimal(int(result.get("filesize") or 0)),
        )
    console.print(table)


def download_bar(console: Console) -> Progress:
    """A bar with name and size."""
    return Progress(
        TextColumn("  {task.description}"),
        BarColumn(bar_width=28),
        DownloadColumn(),
        console=console,
    )


def moment(seconds: object) -> str:
    """Unix seconds as local time; what is no number as it is; nothing as ""."""
    try:
        when = datetime.fromtimestamp(float(str(seconds)), UTC)
    except ValueError:
        return "" if seconds is None else str(seconds)
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _ending(job: Status) -> str:
    if not is_final(job):
        return ""
    reason = job.get("finishReason") or ("completed" if succeeded(job) else "failed")
    message = job.get("finishMessage")
    return f"{reason}: {message}" if message else str(reason)
