"""What a consumer asks for, once the wire has checked its shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class AssetRequest:
    """One asset of a request; "" is absent."""

    document_id: str = ""
    service_id: str = ""
    transaction: str = ""
    userdata: Any = None


@dataclass(frozen=True, slots=True)
class AlgorithmRequest:
    """The algorithm of a request: a published asset, or `meta`, which wins."""

    asset: AssetRequest = AssetRequest()
    meta: Mapping[str, Any] | None = None
    custom_data: Any = None


@dataclass(frozen=True, slots=True)
class StartRequest:
    """A start or the question whether one would be admitted.

    `resource_names` differ by call: ``dataset`` and ``datasets[n]``. `original` is what is
    compared when the job is restarted. `unreadable` names the part that is no list of datasets
    or no object, "" where there is none; its place among the refusals is after the algorithm.
    """

    environment: str
    datasets: tuple[AssetRequest, ...]
    algorithm: AlgorithmRequest
    output: Mapping[str, Any] | None = None
    unreadable: str = ""

    def original(self) -> dict[str, Any]:
        """Plain JSON values of everything that a restart must repeat, without orders."""
        return {
            "datasets": [
                [asset.document_id, asset.service_id, asset.userdata] for asset in self.datasets
            ],
            "algorithm": [
                self.algorithm.asset.document_id if self.algorithm.meta is None else "",
                self.algorithm.asset.service_id if self.algorithm.meta is None else "",
                self.algorithm.asset.userdata,
                self.algorithm.meta,
                self.algorithm.custom_data,
            ],
        }
