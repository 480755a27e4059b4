"""Whether a job may start: environment, algorithm, datasets and orders, in this order.

The first refusal wins, with the code that clients know. What was admitted is a
:class:`~compute_ref.assets.plan.Plan`, which carries all that the run will need.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import pluggy

from compute_ref.assets.algorithms import (
    Rules,
    algorithm_order,
    published_algorithm,
    raw_algorithm,
)
from compute_ref.assets.ddo import Ddo, DdoInvalid, check_ddo, files_of, service_of
from compute_ref.assets.plan import Algorithm, Dataset, Order, Plan
from compute_ref.assets.requests import AssetRequest, StartRequest
from compute_ref.assets.trust import (
    Candidate,
    container_checksum,
    credentials_refuse,
    demands_files,
    raw_refusal,
    refusal,
)
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
    """Admits starts. `runs_images` tells of an environment whether its backend runs images."""

    def __init__(
        self,
        environments: Sequence[Environment],
        trust: Trust,
        hooks: pluggy.HookRelay,
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
        orders = self._all_orders(request, plan, consumer)
        for order in orders:
            self._check_order(order)
        return replace(plan, orders=tuple(orders))

    def quote(self, request: StartRequest) -> Plan:
        """The same without a consumer: no credentials, no orders, nothing bound."""
        return self._checked(request, None)

    def environment(self, wanted: str) -> Environment:
        """The environment of that id, or the first one where none is named (reading R9)."""
        for environment in self._environments:
            if wanted in ("", environment.id):
                return environment
        raise EnvironmentUnknown

    def ddo(self, did: str) -> Ddo | None:
        """The document of a DID, from whichever plug-in has it."""
        found = self._hooks.resolve_did(did=did)
        if found is None:
            return None
        try:
            return check_ddo(found)
        except DdoInvalid as broken:
            logger.warning("The document of %s is left out: %s", did, broken)
            return None

    def _checked(self, request: StartRequest, consumer: str | None) -> Plan:
        environment = self.environment(request.environment)
        rules = Rules(self._runs_images(environment.id), self._trust.unpinned_images)
        algorithm = self._algorithm(request, consumer, rules)
        datasets: list[Dataset] = []
        for place, asset in enumerate(request.datasets):
            datasets.append(self._dataset(asset, resource(place), place == 0, consumer, datasets))
        algorithm = self._trusted(algorithm, datasets)
        return Plan(
            environment=environment.id,
            datasets=tuple(datasets),
            algorithm=algorithm,
            orders=(),
            network=all(_allows_network(dataset) for dataset in datasets),
            output=request.output,
            request=request.original(),
        )

    def _algorithm(self, request: StartRequest, consumer: str | None, rules: Rules) -> Algorithm:
        if request.algorithm.meta is not None:
            return raw_algorithm(request.algorithm, rules)
        did = request.algorithm.asset.document_id
        if not did:
            raise Refused({"algorithm": "missing_meta_documentId"})
        return published_algorithm(request.algorithm, self.ddo(did), consumer, rules)

    def _dataset(
        self,
        asset: AssetRequest,
        name: str,
        main: bool,
        consumer: str | None,
        before: Sequence[Dataset],
    ) -> Dataset:
        if not asset.document_id:
            raise Refused({f"{name}.documentId": "missing"})
        ddo = self.ddo(asset.document_id)
        if ddo is None:
            raise Refused({f"{name}.documentId": "did_not_found"})
        if any(dataset.document_id == asset.document_id for dataset in before):
            raise Refused({f"{name}.documentId": "duplicate"})
        service = _service(ddo, asset, name, main)
        if consumer and credentials_refuse(ddo, consumer):
            raise Refused({f"{name}.credentials": "access_denied"})
        return Dataset(
            asset.document_id, service["id"], ddo, files_of(service), userdata=asset.userdata
        )

    def _trusted(self, algorithm: Algorithm, datasets: Sequence[Dataset]) -> Algorithm:
        services = [used_service(dataset) for dataset in datasets]
        demanded = algorithm.ddo is not None and any(
            demands_files(service, algorithm.document_id)
            for service in services
            if service["type"] == "compute"
        )
        checksum = self._files_checksum(algorithm) if demanded else ""
        for place, service in enumerate(services):
            if service["type"] == "compute":
                code = self._trust_refusal(service, algorithm, checksum)
                if code:
                    raise Refused({resource(place): code})
        return replace(algorithm, files_checksum=checksum)

    def _trust_refusal(
        self, service: Mapping[str, Any], algorithm: Algorithm, checksum: str
    ) -> str:
        if algorithm.ddo is None:
            return raw_refusal(service)
        candidate = Candidate(
            algorithm.document_id,
            str((algorithm.ddo.get("nft") or {}).get("owner") or ""),
            checksum,
            container_checksum(algorithm.entrypoint, algorithm.checksum),
        )
        return refusal(service, candidate, self._trust.empty_allows_all)

    def _files_checksum(self, algorithm: Algorithm) -> str:
        try:
            return self._checksums.checksum(algorithm.files)
        except FileUnavailable as failed:
            raise Refused({"algorithm": "file_unavailable"}) from failed

    def _all_orders(self, request: StartRequest, plan: Plan, consumer: str) -> list[Order]:
        orders = [
            _dataset_order(asset, dataset, resource(place), consumer)
            for place, (asset, dataset) in enumerate(
                zip(request.datasets, plan.datasets, strict=True)
            )
        ]
        if plan.algorithm.ddo is not None:
            orders.append(algorithm_order(request.algorithm, plan.algorithm, consumer))
        return orders

    def _check_order(self, order: Order) -> None:
        genuine = self._hooks.verify_order(
            transaction=order.transaction,
            document_id=order.document_id,
            service_id=order.service_id,
            consumer=order.consumer,
        )
        if genuine is False or self._orders.order_refused(order):
            raise Refused({order.resource: order.code})


def resource(place: int) -> str:
    """How refusals name the dataset at `place`: the main one, or a further one from 1 on."""
    return "dataset" if place == 0 else f"datasets[{place}]"


def used_service(dataset: Dataset) -> Mapping[str, Any]:
    """The service through which a dataset is used."""
    service = service_of(dataset.ddo, dataset.service_id)
    assert service is not None  # noqa: S101 - admission has found it there
    return service


def _service(ddo: Ddo, asset: AssetRequest, name: str, main: bool) -> Mapping[str, Any]:
    if not asset.service_id:
        raise Refused({f"{name}.serviceId": "missing"})
    service = service_of(ddo, asset.service_id)
    if service is None:
        raise Refused({f"{name}.serviceId": "not_found"})
    if service["type"] not in ("compute", "access"):
        raise Refused({f"{name}.serviceId": "service_not_access_compute"})
    if main and service["type"] != "compute":
        raise Refused({f"{name}.serviceId": "main_service_compute"})
    return service


def _dataset_order(asset: AssetRequest, dataset: Dataset, name: str, consumer: str) -> Order:
    if not asset.transaction:
        raise Refused({f"{name}.transferTxId": "missing"})
    return Order(
        asset.transaction.lower(),
        dataset.document_id,
        dataset.service_id,
        consumer,
        float(used_service(dataset).get("timeout", 0)),
        f"{name}.serviceId",
        "order_invalid",
    )


def _allows_network(dataset: Dataset) -> bool:
    service = used_service(dataset)
    compute = service.get("compute") or {}
    return service["type"] == "compute" and compute.get("allowNetworkAccess") is True
