"""Asking each dataset of a job whether it trusts the job's algorithm."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from compute_ref.assets.ddo import COMPUTE, publisher_of
from compute_ref.assets.plan import Algorithm
from compute_ref.assets.trust import (
    Candidate,
    container_checksum,
    demands_files,
    raw_refusal,
    refusal,
)
from compute_ref.plugins import FileObject

Checksum = Callable[[Sequence[FileObject]], str]


class Screening:
    """One algorithm before several datasets; its files are hashed once, and only on demand.

    `files_checksum` is "" until a dataset demanded one.
    """

    def __init__(self, algorithm: Algorithm, empty_allows_all: bool, checksum: Checksum) -> None:
        self.files_checksum = ""
        self._algorithm = algorithm
        self._empty_allows_all = empty_allows_all
        self._checksum = checksum

    def refusal(self, service: Mapping[str, Any]) -> str:
        """The refusal by the service of one dataset, or ""."""
        if service["type"] != COMPUTE:
            return ""
        if self._algorithm.ddo is None:
            return raw_refusal(service)
        if not self.files_checksum and demands_files(service, self._algorithm.document_id):
            self.files_checksum = self._checksum(self._algorithm.files)
        return refusal(service, self._candidate(), self._empty_allows_all)

    def _candidate(self) -> Candidate:
        return Candidate(
            self._algorithm.document_id,
            publisher_of(self._algorithm.ddo or {}),
            self.files_checksum,
            container_checksum(self._algorithm.entrypoint, self._algorithm.checksum),
        )
