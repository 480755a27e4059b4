"""The folders of runs: ``data_dir/jobs/<jobId>/<run>/`` holds everything of one run."""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import unquote_to_bytes

from compute_ref.jobs.model import Job
from compute_ref.jobs.trees import FOLDER, opened, plain_file, remove_tree
from compute_ref.plugins import Folders
from compute_ref.refusals import SHORT, ResultUnknown

JOB_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
PASSED_THROUGH: Final = 0o711  #: entered by the run's own user, listed by nobody
SHOWN: Final = 0o750  #: a backend lets its run's user in, and no other run's
PRIVATE: Final = 0o700
RUN_FOLDERS: Final = {
    "inputs": SHOWN,
    "ddos": SHOWN,
    "transformations": SHOWN,
    "outputs": SHOWN,
    "logs": SHOWN,
    "control": PRIVATE,
    "messages": PRIVATE,
}
COLLECTED: Final = "collected"
DRAFT: Final = "draft"
RESULTS: Final = "results"
REMOVED: Final = ".removed-"


class Workspaces:
    """Makes, opens and removes the folders of runs.

    `data_dir` is the server's own; with `sync` results are on the disk before a job is final.
    """

    def __init__(self, data_dir: Path, *, sync: bool = True) -> None:
        self.sync = sync
        self._jobs = data_dir.absolute() / "jobs"
        _make(self._jobs, PASSED_THROUGH)

    def run(self, job_id: str, number: int) -> Folders:
        """The folders of one run, whether they are there or not."""
        root = self._job(job_id) / f"{number:d}"
        return Folders(
            root=root,
            inputs=root / "inputs",
            ddos=root / "ddos",
            transformations=root / "transformations",
            outputs=root / "outputs",
            logs=root / "logs",
            control=root / "control",
        )

    def fresh(self, job_id: str, number: int) -> Folders:
        """The folders of one run, made anew and empty."""
        folders = self.run(job_id, number)
        self._discard(folders.root)
        return self.ready(job_id, number)

    def ready(self, job_id: str, number: int) -> Folders:
        """The folders of one run; those that are missing are made."""
        folders = self.run(job_id, number)
        _make(folders.root.parent, PASSED_THROUGH)
        _make(folders.root, PASSED_THROUGH)
        for name, mode in RUN_FOLDERS.items():
            _make(folders.root / name, mode)
        return folders

    def draft(self, job_id: str, number: int) -> Path:
        """Where results of a run may be gathered: a name that nobody has, another one each time."""
        return self.run(job_id, number).root / f"{DRAFT}-{secrets.token_hex(8)}"

    def keep_results(self, job_id: str, number: int) -> None:
        """Free what only the running algorithm needed; results stay."""
        _clear(self.run(job_id, number).root, *RUN_FOLDERS, COLLECTED)

    def keep_logs(self, job_id: str, number: int) -> None:
        """Make room on a full disk: of the run, only logs and messages stay."""
        _clear(self.run(job_id, number).root, "inputs", "outputs", COLLECTED, RESULTS)

    def remove_older(self, job_id: str, number: int) -> None:
        """Remove the folders of the runs before this one."""
        for folder in _entries(self._job(job_id)):
            if folder.name.isdecimal() and int(folder.name) < number:
                self._discard(folder)

    def remove_results(self, job: Job) -> None:
        """Remove the result files of the job's run; twice is fine."""
        self._discard(self.run(job.job_id, job.run).root / RESULTS)

    def remove(self, job_id: str) -> None:
        """Remove everything of a job, whatever an algorithm left there; twice is fine."""
        self._discard(self._job(job_id))

    def sweep(self) -> None:
        """Finish removals that a crash interrupted."""
        for folder in _entries(self._jobs):
            if folder.name.startswith(REMOVED):
                remove_tree(folder)

    def untidy(self) -> Iterator[str]:
        """The jobs whose folders hold more than the results of one run."""
        for folder in _entries(self._jobs):
            runs = _entries(folder) if JOB_ID.fullmatch(folder.name) else ()
            kept = [path.name for run in runs for path in _entries(run)]
            if len(runs) > 1 or kept not in ([], [RESULTS]):
                yield folder.name

    def open_result(self, job: Job, index: int) -> BinaryIO:
        """One result of the job's finished run, open for reading; no link is followed.

        Raises ResultUnknown where there is no such index or the file is gone.
        """
        if not 0 <= index < len(job.results):
            raise ResultUnknown("The job has no result with this index.")
        root = self.run(job.job_id, job.run).root
        try:
            path = os.fsdecode(unquote_to_bytes(job.results[index].path))
            with opened(root / RESULTS, FOLDER) as results:
                return os.fdopen(plain_file(path, results), "rb")
        except OSError as error:
            if error.errno in SHORT:
                raise
            raise ResultUnknown("This result is no longer there.") from error

    def _job(self, job_id: str) -> Path:
        if not JOB_ID.fullmatch(job_id):
            raise ValueError("a job id is letters, digits, '-' and '_'")
        return self._jobs / job_id

    def _discard(self, folder: Path) -> None:
        """Remove `folder` from sight at once, then from the disk."""
        doomed = self._jobs / f"{REMOVED}{secrets.token_hex(8)}"
        with suppress(FileNotFoundError):
            folder.rename(doomed)
            remove_tree(doomed)


def _clear(root: Path, *names: str) -> None:
    """Remove folders of a run, and every draft of its results; a later run may remove all of it."""
    drafts = (path for path in _entries(root) if path.name.startswith(DRAFT))
    for path in (*(root / name for name in names), *drafts):
        remove_tree(path)


def _make(folder: Path, mode: int) -> None:
    try:
        folder.mkdir(mode=mode, parents=True)
    except FileExistsError:
        if folder.is_symlink() or not folder.is_dir():
            raise
        return
    folder.chmod(mode)  # whatever the umask


def _entries(folder: Path) -> Collection[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR}:
            return []
        raise
