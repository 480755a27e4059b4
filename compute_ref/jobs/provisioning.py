"""Putting a run's inputs, DDOs and algorithm into its folders, as the page's containers do.

``inputs/<did>/<index>``, ``inputs/algoCustomData.json``, ``ddos/<did>`` and
``transformations/algorithm``, where ``<did>`` is without ``did:op:``.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from compute_ref.assets.cancellation import Cancellation
from compute_ref.assets.ddo import public_ddo
from compute_ref.assets.fetching import TOO_LARGE, Fetcher, chunks
from compute_ref.assets.plan import Algorithm, Dataset, Plan, short_did
from compute_ref.jobs.copies import copy
from compute_ref.plugins import FileObject, FileUnavailable, Folders

logger = logging.getLogger(__name__)
Log = Callable[[str], None]
READABLE: Final = 0o644
EXECUTABLE: Final = 0o755
FAULT: Final = (
    "The server or a plug-in failed while it put the files in place. Try again later, or tell the"
    " server's operator."
)


class DataFailed(Exception):
    """A dataset could not be put in place: status 31; the text is for the consumer."""


class AlgorithmFailed(Exception):
    """The algorithm could not be put in place: status 32; the text is for the consumer."""


class Cancelled(Exception):
    """Nobody waits for this run's inputs any more."""


class Provisioner:
    """Fills the folders of runs; `endpoint` is what DDOs name as this server."""

    def __init__(self, fetcher: Fetcher, endpoint: str) -> None:
        self._fetcher = fetcher
        self._endpoint = endpoint

    def data(self, plan: Plan, folders: Folders, cancel: Cancellation, log: Log) -> None:
        """Put the datasets into empty `folders`; raises DataFailed. May be repeated."""
        with _failing(DataFailed, folders):
            for dataset in plan.datasets:
                self._dataset(dataset, folders, cancel)
                log(f"Fetched {len(dataset.files)} file(s) of {dataset.document_id}.")
            _write_json(folders.inputs / "algoCustomData.json", plan.algorithm.custom_data)

    def algorithm(self, plan: Plan, folders: Folders, cancel: Cancellation, log: Log) -> None:
        """Put the algorithm beside them; raises AlgorithmFailed."""
        with _failing(AlgorithmFailed, folders):
            self._algorithm(plan.algorithm, folders, cancel)
            log("The algorithm is in place.")

    def _dataset(self, dataset: Dataset, folders: Folders, cancel: Cancellation) -> None:
        self._ddo(dataset.ddo, folders)
        folder = folders.inputs / short_did(dataset.document_id)
        folder.mkdir()
        folder.chmod(EXECUTABLE)  # whatever the umask
        for index, file in enumerate(dataset.files):
            self._fetch(file, folder / str(index), cancel, dataset.userdata)

    def _algorithm(self, algorithm: Algorithm, folders: Folders, cancel: Cancellation) -> None:
        target = folders.transformations / "algorithm"
        if algorithm.ddo is not None:
            self._ddo(algorithm.ddo, folders)
        if algorithm.rawcode:
            with _created(target, EXECUTABLE) as descriptor:
                _write(descriptor, algorithm.rawcode.encode("utf-8"))
            return
        paths = [
            target,
            *(folders.transformations / str(n) for n in range(1, len(algorithm.files))),
        ]
        for file, path in zip(algorithm.files, paths, strict=True):
            self._fetch(file, path, cancel, None, EXECUTABLE)
        if algorithm.files_checksum and _checksum(paths) != algorithm.files_checksum:
            raise FileUnavailable(
                "The algorithm's files are not those that the dataset trusts: they changed after"
                " the job was accepted. Start it again if they are meant to."
            )

    def _ddo(self, ddo: Mapping[str, Any], folders: Folders) -> None:
        _write_json(folders.ddos / short_did(ddo["id"]), public_ddo(ddo, self._endpoint))

    def _fetch(
        self,
        file: FileObject,
        path: Path,
        cancel: Cancellation,
        userdata: Any,
        mode: int = READABLE,
    ) -> None:
        if cancel.is_set():
            raise Cancelled
        opened = self._fetcher.open(file, userdata, cancel=cancel)
        with opened.stream as stream, _created(path, mode) as target:
            source = _descriptor(stream)
            if source is not None:
                _copy(source, target, self._fetcher.most_bytes)
                return
            for chunk in chunks(stream, self._fetcher.most_bytes):
                if cancel.is_set():
                    raise Cancelled
                _write(target, chunk)


@contextmanager
def _failing(event: type[Exception], folders: Folders) -> Iterator[None]:
    """Raise `event` for whatever goes wrong; the log has what a plug-in must not raise."""
    try:
        yield
    except Cancelled:
        raise
    except FileUnavailable as failed:
        raise event(str(failed)) from failed
    except OSError as failed:
        raise event(f"The server could not store what it fetched: {failed.strerror}.") from failed
    except Exception as fault:
        logger.exception("job %s: provisioning failed", folders.root.parent.name)
        raise event(FAULT) from fault


@contextmanager
def _created(path: Path, mode: int) -> Iterator[int]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, mode)
    try:
        os.fchmod(descriptor, mode)
        yield descriptor
    finally:
        os.close(descriptor)


def _descriptor(stream: BinaryIO) -> int | None:
    """The descriptor of an ordinary open file; None for a stream that only stands on one.

    A GzipFile, for example, has the descriptor of what it decompresses.
    """
    raw = stream.raw if type(stream) is io.BufferedReader else stream
    if type(raw) is not io.FileIO or not stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
        return None
    return raw.fileno() if stream.tell() == 0 else None


def _copy(source: int, target: int, most_bytes: int) -> None:
    os.lseek(source, 0, os.SEEK_SET)
    done = copy(source, target, most_bytes)
    if done < os.fstat(source).st_size:
        raise FileUnavailable(TOO_LARGE)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _write_json(path: Path, content: Any) -> None:
    path.unlink(missing_ok=True)  # algorithm and dataset may be one asset
    with _created(path, READABLE) as descriptor:
        _write(descriptor, json.dumps(content).encode("ascii"))


def _checksum(paths: Sequence[Path]) -> str:
    digests = []
    for path in paths:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return "".join(digests)
