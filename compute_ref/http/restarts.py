"""From the wire's parameters to a request of the domain, for a first run and for a further one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from compute_ref.assets.plan import RAW, Plan
from compute_ref.assets.requests import AlgorithmRequest, AssetRequest, StartRequest
from compute_ref.http.fields import json_equal
from compute_ref.refusals import Refused


def start_request(wanted: Mapping[str, Any]) -> StartRequest:
    """The request of a new job."""
    plain = json.loads(json.dumps(wanted))  # numbers without the text that was signed
    wrong = unreadable(plain)
    further = [] if wrong else plain.get("additionalDatasets", [])
    return StartRequest(
        environment=plain.get("environment", ""),
        datasets=(asset(plain["dataset"]), *map(asset, further)),
        algorithm=algorithm(plain.get("algorithm", {})),
        output=plain.get("output"),
        unreadable=wrong,
    )


def repeated(plan: Plan, wanted: Mapping[str, Any]) -> StartRequest:
    """The request of a job's next run: what the plan says, with new orders where some are given.

    Anything else that is given must equal the stored request (reading R10).
    """
    stored = stored_request(plan)
    plain = json.loads(json.dumps(wanted))
    if wrong := unreadable(plain):
        raise Refused({wrong: "invalid"})
    datasets = list(stored.datasets)
    if "dataset" in plain:
        datasets[0] = _again(asset(plain["dataset"]), datasets[0])
    if plain.get("additionalDatasets"):
        given = list(map(asset, plain["additionalDatasets"]))
        if len(given) != len(datasets) - 1:
            raise _differs()
        datasets[1:] = [_again(new, old) for new, old in zip(given, datasets[1:], strict=True)]
    _check_same("environment", plain, stored.environment)
    if "output" in plain and not json_equal(plain["output"], stored.output):
        raise _differs()
    again = _algorithm_again(plain, stored.algorithm)
    return StartRequest(stored.environment, tuple(datasets), again, stored.output)


def stored_request(plan: Plan) -> StartRequest:
    """The request that a plan was made of, with the orders that were bound."""
    datasets, chosen = plan.request["datasets"], plan.request["algorithm"]
    orders = [order.transaction for order in plan.orders]
    assets = tuple(
        AssetRequest(did, service, order, userdata)
        for (did, service, userdata), order in zip(datasets, orders, strict=False)
    )
    did, service, userdata, meta, custom = chosen
    paid = orders[-1] if plan.algorithm.document_id != RAW else ""
    return StartRequest(
        plan.environment,
        assets,
        AlgorithmRequest(AssetRequest(did, service, paid, userdata), meta, custom),
        plan.output,
    )


def asset(fields: Mapping[str, Any]) -> AssetRequest:
    """One asset of the wire."""
    return AssetRequest(
        fields.get("documentId", ""),
        fields.get("serviceId", ""),
        fields.get("transferTxId", ""),
        fields.get("userdata"),
    )


def algorithm(fields: Mapping[str, Any]) -> AlgorithmRequest:
    """The algorithm of the wire."""
    return AlgorithmRequest(asset(fields), fields.get("meta"), fields.get("algocustomdata"))


def unreadable(plain: Mapping[str, Any]) -> str:
    """Which of ``additionalDatasets`` and ``output`` is no list of objects or no object, or ""."""
    further = plain.get("additionalDatasets", [])
    if not isinstance(further, list) or not all(isinstance(entry, dict) for entry in further):
        return "additionalDatasets"
    return "" if isinstance(plain.get("output", {}), dict) else "output"


def _again(new: AssetRequest, old: AssetRequest) -> AssetRequest:
    same = (new.document_id, new.service_id or old.service_id) == (old.document_id, old.service_id)
    if not same or not json_equal(new.userdata, old.userdata):
        raise _differs()
    transaction = new.transaction or old.transaction
    return AssetRequest(old.document_id, old.service_id, transaction, old.userdata)


def _algorithm_again(plain: Mapping[str, Any], old: AlgorithmRequest) -> AlgorithmRequest:
    if "algorithm" not in plain:
        return old
    new = algorithm(plain["algorithm"])
    if not json_equal([new.meta, new.custom_data], [old.meta, old.custom_data]):
        raise _differs()
    if new.meta is not None and not json_equal(new.asset.userdata, old.asset.userdata):
        raise _differs()
    asset_again = old.asset if new.meta is not None else _again(new.asset, old.asset)
    return AlgorithmRequest(asset_again, old.meta, old.custom_data)


def _check_same(name: str, plain: Mapping[str, Any], stored: Any) -> None:
    if name in plain and plain[name] != stored:
        raise _differs()


def _differs() -> Refused:
    return Refused({"jobId": "restart_differs"})
