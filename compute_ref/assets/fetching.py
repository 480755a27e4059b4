"""Opening, reading and describing the files of assets, whoever's plug-in they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import pluggy

from compute_ref.plugins import FileObject, FileUnavailable, OpenFile, WebClient

CHUNK = 2**20


class Fetcher:
    """Asks plug-ins for files; `most_bytes` is the size that one file may have."""

    def __init__(self, hooks: pluggy.HookRelay, web: WebClient, most_bytes: int) -> None:
        self._hooks = hooks
        self._web = web
        self.most_bytes = most_bytes

    def open(self, file: FileObject, userdata: Any = None) -> OpenFile:
        """The open file; the caller closes its stream. Raises FileUnavailable."""
        opened: OpenFile | None = self._hooks.open_file(file=file, web=self._web, userdata=userdata)
        if opened is None:
            raise FileUnavailable("No plug-in of this server opens files of the asset's type.")
        if opened.size is not None and opened.size > self.most_bytes:
            opened.stream.close()
            raise FileUnavailable("A file of the asset is larger than this server fetches.")
        return opened

    def checksum(self, files: Sequence[FileObject], most_bytes: int | None = None) -> str:
        """Concatenated SHA-256 hex of the files, in order (``filesChecksum``)."""
        return "".join(self._digest(file, most_bytes or self.most_bytes) for file in files)

    def info(
        self, files: Sequence[FileObject], *, checksum: bool = False, most_bytes: int | None = None
    ) -> list[dict[str, Any]]:
        """What ``fileinfo`` tells of each file; one that cannot be had is not valid."""
        return [
            {"index": index, **self._info(file, checksum, most_bytes or self.most_bytes)}
            for index, file in enumerate(files)
        ]

    def _info(self, file: FileObject, checksum: bool, most_bytes: int) -> dict[str, Any]:
        try:
            opened = self.open(file)
            opened.stream.close()
            known = {"contentType": opened.content_type or "application/octet-stream"}
            length = {} if opened.size is None else {"contentLength": str(opened.size)}
            digest = {"checksum": self._digest(file, most_bytes)} if checksum else {}
        except FileUnavailable:
            return {"valid": False, "contentType": "", "contentLength": ""}
        return {"valid": True, **known, "contentLength": "", **length, **digest}

    def _digest(self, file: FileObject, most_bytes: int) -> str:
        digest = hashlib.sha256()
        with self.open(file).stream as stream:
            for chunk in chunks(stream, most_bytes):
                digest.update(chunk)
        return digest.hexdigest()


def chunks(stream: Any, most_bytes: int) -> Iterator[bytes]:
    """The bytes of `stream`; FileUnavailable where there are more than `most_bytes`."""
    total = 0
    while chunk := stream.read(CHUNK):
        total += len(chunk)
        if total > most_bytes:
            raise FileUnavailable("A file of the asset is larger than this server fetches.")
        yield chunk
