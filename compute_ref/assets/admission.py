"""Whether a job may start: environment, algorithm, datasets and orders, in this order.

The first refusal wins, with the code that clients know. What was admitted is a
:class:`~compute_ref.assets.plan.Plan`, which carries all that the run will need.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

from compute_ref.assets.algorithms import (
    Rules,
    algorithm_order,
    published_algorithm,
    raw_algorithm,
)
from compute_ref.assets.datasets import dataset_order, found_dataset, resource, used_service
from compute_ref.assets.ddo import Ddo
from compute_ref.assets.plan import Algorithm, Dataset, Order, Plan
from compute_ref.assets.requests import AssetRequest, StartRequest
from compute_ref.assets.screening import Screening
from compute_ref.assets.soundness import DdoInvalid, check_ddo
from compute_ref.assets.trust import allows_network
from compute_ref.plugins import FileObject, FileUnavailable
from compute_ref.refusals import EnvironmentUnknown, Refused
from compute_ref.settings import Environment, Trust

logger = logging.getLogger("compute_ref.admission")


class OrderBook(Protocol):
    """Where orders are bound."""

    def order_refused(self, order: Order) -> bool:
        """Whether the order cannot be bound now."""


class Checksums(Protocol):
    """Who hashes files."""

    def checksum(self, files: Sequence[FileObject]) -> str:
        """Concatenated SHA-256 hex of the files, in order; raises FileUnavailable."""


class Admission:
    """Admits starts. `hooks` answers ``resolve_did`` and ``verify_order``, as pluggy's relay does.

    `runs_images` tells of an environment whether its backend runs images.
    """

    def __init__(
        self,
        environments: Sequence[Environment],
        trust: Trust,
        hooks: Any,
        checksums: Checksums,
        orders: OrderBook,
        runs_images: Callable[[str], bool],
    ) -> None:
        self._environments = environments
        self._trust = trust
        self._hooks = hooks
        self._checksums = checksums
        self._orders = orders
        self._runs_images = runs_images

    def admit(self, request: StartRequest, consumer: str) -> Plan:
        """The plan of a start by `consumer` (checksummed), or Refused."""
        plan = self._checked(request, consumer)
        orders = tuple(_orders(request, plan, consumer))
        for order in orders:
            self._check_order(order)
        return replace(plan, orders=orders)

    def quote(self, request: StartRequest) -> Plan:
        """The same without a consumer: no credentials, no orders, nothing bound."""
        return self._checked(request, None)

    def ddo(self, did: str) -> Ddo | None:
        """The document of a DID, from whichever plug-in has it."""
        found = self._hooks.resolve_did(did=did)
        if found is None:
            return None
        try:
            ddo = check_ddo(found)
        except DdoInvalid as broken:
            logger.warning("The document of %s is left out: %s", did, broken)
            return None
        if ddo["id"] != did:
            logger.warning("The document of %s is left out: it has another id", did)
            return None
        return ddo

    def _checked(self, request: StartRequest, consumer: str | None) -> Plan:
        environment = self._environment(request)
        algorithm = self._algorithm(request, consumer, environment)
        if request.unreadable:
            raise Refused({request.unreadable: "invalid"})
        screening = Screening(algorithm, self._trust.empty_allows_all, self._files_checksum)
        datasets: list[Dataset] = []
        for place, asset in enumerate(request.datasets):
            datasets.append(self._dataset(asset, resource(place), consumer, datasets))
            code = screening.refusal(used_service(datasets[-1]))
            if code:
                raise Refused({resource(place): code})
        return Plan(
            environment=environment.id,
            datasets=tuple(datasets),
            algorithm=replace(algorithm, files_checksum=screening.files_checksum),
            orders=(),
            network=all(allows_network(used_service(dataset)) for dataset in datasets),
            output=request.output,
            request=request.original(),
        )

    def _environment(self, request: StartRequest) -> Environment:
        """The environment of that name, or the first one (R9), on the main dataset's chain."""
        named = [one for one in self._environments if request.environment in ("", one.id)]
        chain = self._chain(request) if any(one.chains for one in named) else None
        for environment in named:
            if chain is None or not environment.chains or chain in environment.chains:
                return environment
        raise EnvironmentUnknown

    def _chain(self, request: StartRequest) -> int | None:
        ddo = self.ddo(request.datasets[0].document_id)
        chain = None if ddo is None else ddo.get("chainId")
        return chain if isinstance(chain, int) else None

    def _algorithm(
        self, request: StartRequest, consumer: str | None, environment: Environment
    ) -> Algorithm:
        rules = Rules(self._runs_images(environment.id), self._trust.unpinned_images)
        if request.algorithm.meta is not None:
            return raw_algorithm(request.algorithm, rules)
        did = request.algorithm.asset.document_id
        if not did:
            raise Refused({"algorithm": "missing_meta_documentId"})
        return published_algorithm(request.algorithm, self.ddo(did), consumer, rules)

    def _dataset(
        self, asset: AssetRequest, name: str, consumer: str | None, before: Sequence[Dataset]
    ) -> Dataset:
        """One of the datasets; an asset may be there once, as its files have one folder."""
        if not asset.document_id:
            raise Refused({f"{name}.documentId": "missing"})
        if any(dataset.document_id == asset.document_id for dataset in before):
            raise Refused({f"{name}.documentId": "duplicate"})
        return found_dataset(asset, self.ddo(asset.document_id), name, consumer)

    def _files_checksum(self, files: Sequence[FileObject]) -> str:
        try:
            return self._checksums.checksum(files)
        except FileUnavailable:
            raise Refused({"algorithm": "file_unavailable"}) from None

    def _check_order(self, order: Order) -> None:
        genuine = self._hooks.verify_order(
            transaction=order.transaction,
            document_id=order.document_id,
            service_id=order.service_id,
            consumer=order.consumer,
        )
        if genuine is False or self._orders.order_refused(order):
            raise Refused({order.resource: order.code})


def _orders(request: StartRequest, plan: Plan, consumer: str) -> Iterator[Order]:
    for place, dataset in enumerate(plan.datasets):
        yield dataset_order(request.datasets[place], dataset, resource(place), consumer)
    if plan.algorithm.ddo is not None:
        yield algorithm_order(request.algorithm, plan.algorithm, consumer)
