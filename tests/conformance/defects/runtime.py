"""Servers that lose or mix up what algorithms print and write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from compute_ref.jobs import provisioning, publishing, running
from compute_ref.jobs.endings import Ending, of_exit
from compute_ref.jobs.model import FinishReason, Job, Result, ResultType
from compute_ref.jobs.outputs import Allowance, collect, seal
from compute_ref.jobs.turn import Turn
from compute_ref.jobs.workspace import Workspaces
from compute_ref.plugins import Exit, Run
from compute_ref.refusals import ResultUnknown
from compute_ref.testing import instant
from tests.conformance.defects.defect import Kind, Wrong, defect
from tests.conformance.defects.makers import shows

Results = tuple[Result, ...]


def seals(name: str, requirement: str, change: Callable[[Results], Results]) -> None:
    """Register a server that lists other outputs than were collected."""

    def apply(wrong: Wrong) -> None:
        wrong.patch(publishing, "seal", lambda folder, sync: change(seal(folder, sync=sync)))

    defect(name, requirement, calls=2)(apply)


def collects(name: str, requirement: str, change: Callable[[Path], object]) -> None:
    """Register a server that changes the folder of what was collected."""

    def collected(outputs: Path, target: Path, allowance: Allowance) -> None:
        collect(outputs, target, allowance)
        change(target)

    def apply(wrong: Wrong) -> None:
        wrong.patch(publishing, "collect", collected)

    defect(name, requirement, calls=3)(apply)


def of_windows(folder: Path) -> None:
    """Texts with the line ends of another system."""
    for file in folder.iterdir():
        if file.is_file():
            file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))


seals("run-first-output-only", "CE-RUN-OUTPUTS", lambda found: found[:1])
seals(
    "run-folders-by-last-name",
    "CE-RUN-FOLDERS",
    lambda found: tuple(replace(r, filename=r.filename.rpartition("/")[2]) for r in found),
)
seals(
    "run-dictionary-order",
    "CE-RUN-ORDER",
    lambda found: tuple(sorted(found, key=lambda result: result.filename.lower())),
)
collects(
    "run-own-file-among-outputs",
    "CE-RUN-OUTPUTS",
    lambda folder: (folder / "manifest.json").write_text("{}"),
)
collects("run-outputs-of-windows", "CE-RUN-BYTES", of_windows)


def on_disk(job: dict[str, Any]) -> None:
    """Sizes as the disk has them, in whole blocks."""
    for one in job["results"]:
        one["filesize"] = -(-one["filesize"] // 4096) * 4096


def digest_of_name(job: dict[str, Any]) -> None:
    """Digests of something else."""
    for one in job["results"]:
        if "sha256" in one:
            one["sha256"] = sha256(one["filename"].encode()).hexdigest()


shows("run-size-in-blocks", "CE-RUN-SIZE", on_disk, calls=3)
shows("run-digest-of-name", "CE-RUN-DIGEST", digest_of_name, calls=3)


@defect("run-log-only-of-failures", "CE-RUN-LOG", calls=3)
def log_only_of_failures(wrong: Wrong) -> None:
    usual = publishing._stored

    def stored(turn: Turn, outputs: Results) -> Results:
        if turn.job.exit_code == 0:
            Path(turn.folders.logs / "algorithm.log").unlink(missing_ok=True)
        return usual(turn, outputs)

    wrong.patch(publishing, "_stored", stored)


@defect("run-errors-not-logged", "CE-RUN-LOG-ERRORS", calls=3)
def errors_not_logged(wrong: Wrong) -> None:
    usual = instant._behave

    def behave(told: Sequence[Sequence[str]], run: Run) -> Exit | None:
        return usual([one for one in told if one[1:2] != ["stderr:"]], run)

    wrong.patch(instant, "_behave", behave)


@defect("run-failure-loses-outputs", "CE-RUN-FAILED", calls=2)
def failure_loses_outputs(wrong: Wrong) -> None:
    def ending(end: Exit) -> Ending:
        found = of_exit(end)
        return replace(found, sound=False) if found.reason is FinishReason.FAILED else found

    wrong.patch(running, "of_exit", ending)


@defect("run-outputs-by-name-alone", "CE-RUN-APART", kind=Kind.SECURITY, calls=5)
def outputs_by_name_alone(wrong: Wrong) -> None:
    opened, sealed = Workspaces.open_result, publishing._published
    last: dict[str, tuple[Job, int]] = {}

    def published(turn: Turn, outputs: Results) -> Results:
        found = sealed(turn, outputs)
        job = replace(turn.job, results=found)
        last.update((result.filename, (job, i)) for i, result in enumerate(found))
        return found

    def open_result(self: Workspaces, job: Job, index: int) -> BinaryIO:
        if job.results[index].type is ResultType.OUTPUT:
            with suppress(ResultUnknown):  # the last job of the name may be deleted
                return opened(self, *last[job.results[index].filename])
        return opened(self, job, index)

    wrong.patch(publishing, "_published", published)
    wrong.patch(Workspaces, "open_result", open_result)


@defect("run-code-in-latin", "CE-RUN-LETTERS", calls=3)
def code_in_latin(wrong: Wrong) -> None:
    usual = provisioning._write

    def write(descriptor: int, data: bytes) -> None:
        usual(descriptor, data.decode("utf-8").encode("latin-1", "replace"))

    wrong.patch(provisioning, "_write", write)
