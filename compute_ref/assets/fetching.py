"""Opening, reading and describing the files of assets, whoever's plug-in they come from."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final, Protocol

from compute_ref.assets.cancellation import Cancellation
from compute_ref.plugins import FileObject, FileUnavailable, OpenFile, WebClient

CHUNK: Final = 2**20
TOO_LARGE: Final = "A file of the asset is larger than this server fetches."
UNKNOWN_TYPE: Final = "application/octet-stream"


class CancellableClient(WebClient, Protocol):
    """A web client that can be told to let go."""

    def cancelled_by(self, cancel: Cancellation) -> WebClient:
        """This client, cut off when `cancel` is set."""


class Fetcher:
    """Asks plug-ins for files; `most_bytes` is the size that one file may have.

    `hooks` answers ``open_file``, as pluggy's relay does.
    """

    def __init__(self, hooks: Any, web: CancellableClient, most_bytes: int) -> None:
        self._hooks = hooks
        self._web = web
        self.most_bytes = most_bytes

    def open(
        self,
        file: FileObject,
        userdata: Any = None,
        most_bytes: int | None = None,
        cancel: Cancellation | None = None,
    ) -> OpenFile:
        """The open file; the caller closes its stream. Raises FileUnavailable.

        What comes over the web breaks off when `cancel` is set.
        """
        web: WebClient = self._web if cancel is None else self._web.cancelled_by(cancel)
        opened: OpenFile | None = self._hooks.open_file(file=file, web=web, userdata=userdata)
        if opened is None:
            raise FileUnavailable("No plug-in of this server opens files of the asset's type.")
        if opened.size is not None and opened.size > (most_bytes or self.most_bytes):
            opened.stream.close()
            raise FileUnavailable(TOO_LARGE)
        return opened

    def checksum(self, files: Sequence[FileObject]) -> str:
        """Concatenated SHA-256 hex of the files, in order (``filesChecksum``)."""
        return "".join(self._digest(file) for file in files)

    def info(
        self, files: Sequence[FileObject], *, checksum: bool = False, most_bytes: int | None = None
    ) -> list[dict[str, Any]]:
        """What ``fileinfo`` tells of each file; one that cannot be had is not valid.

        `contentLength` is bytes as text, "" where it is not known beforehand. `most_bytes`
        replaces the size that one file may have.
        """
        return [
            {"index": index, **self._info(file, checksum, most_bytes or self.most_bytes)}
            for index, file in enumerate(files)
        ]

    def _info(self, file: FileObject, checksum: bool, most_bytes: int) -> dict[str, Any]:
        try:
            opened = self.open(file, None, most_bytes)
            with opened.stream as stream:
                digest = {"checksum": digest_of(stream, most_bytes)} if checksum else {}
        except FileUnavailable:
            return {"valid": False, "contentType": "", "contentLength": ""}
        return {
            "valid": True,
            "contentType": opened.content_type or UNKNOWN_TYPE,
            "contentLength": "" if opened.size is None else str(opened.size),
            **digest,
        }

    def _digest(self, file: FileObject) -> str:
        with self.open(file).stream as stream:
            return digest_of(stream, self.most_bytes)


def digest_of(stream: BinaryIO, most_bytes: int) -> str:
    """SHA-256 hex of all that `stream` has; raises as :func:`chunks`."""
    digest = hashlib.sha256()
    for chunk in chunks(stream, most_bytes):
        digest.update(chunk)
    return digest.hexdigest()


def chunks(stream: BinaryIO, most_bytes: int) -> Iterator[bytes]:
    """The bytes of `stream`; FileUnavailable where there are more, or it cannot be read on."""
    total = 0
    while chunk := _read(stream):
        total += len(chunk)
        if total > most_bytes:
            raise FileUnavailable(TOO_LARGE)
        yield chunk


def _read(stream: BinaryIO) -> bytes:
    try:
        if isinstance(stream, io.BufferedReader):  # whose read() waits until there are so many
            return stream.read1(CHUNK)
        return stream.read(CHUNK)
    except OSError:
        raise FileUnavailable("A file of the asset cannot be read to its end.") from None
