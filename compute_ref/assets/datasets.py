"""Admitting one dataset of a request: that it is there, and whether this consumer may use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compute_ref.assets.ddo import ACCESS, COMPUTE, Ddo, files_of, service_of
from compute_ref.assets.plan import Dataset, Order
from compute_ref.assets.requests import AssetRequest
from compute_ref.assets.trust import credentials_refuse
from compute_ref.refusals import Refused

MAIN = "dataset"


def resource(place: int) -> str:
    """How refusals name the dataset at `place`: the main one, or a further one from 1 on."""
    return MAIN if place == 0 else f"datasets[{place}]"


def found_dataset(asset: AssetRequest, ddo: Ddo | None, name: str, consumer: str | None) -> Dataset:
    """The dataset that `asset` names; `consumer` None asks no credentials."""
    if ddo is None:
        raise Refused({f"{name}.documentId": "did_not_found"})
    service = _service(ddo, asset, name)
    if consumer and credentials_refuse(ddo, consumer):
        raise Refused({f"{name}.credentials": "access_denied"})
    return Dataset(
        asset.document_id, service["id"], ddo, files_of(service), userdata=asset.userdata
    )


def used_service(dataset: Dataset) -> Mapping[str, Any]:
    """The service through which a dataset is used."""
    service = service_of(dataset.ddo, dataset.service_id)
    assert service is not None  # noqa: S101 - admission has found it there
    return service


def dataset_order(asset: AssetRequest, dataset: Dataset, name: str, consumer: str) -> Order:
    """The order that pays for a dataset."""
    if not asset.transaction:
        raise Refused({f"{name}.transferTxId": "missing"})
    return Order(
        asset.transaction.lower(),
        dataset.document_id,
        dataset.service_id,
        consumer,
        float(used_service(dataset).get("timeout") or 0),
        f"{name}.serviceId",
        "order_invalid",
    )


def _service(ddo: Ddo, asset: AssetRequest, name: str) -> Mapping[str, Any]:
    if not asset.service_id:
        raise Refused({f"{name}.serviceId": "missing"})
    service = service_of(ddo, asset.service_id)
    if service is None:
        raise Refused({f"{name}.serviceId": "not_found"})
    if service["type"] not in (COMPUTE, ACCESS):
        raise Refused({f"{name}.serviceId": "service_not_access_compute"})
    if name == MAIN and service["type"] != COMPUTE:
        raise Refused({f"{name}.serviceId": "main_service_compute"})
    return service
