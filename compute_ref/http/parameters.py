"""Where parameters come from, and which names are one (readings R1 and R2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import falcon

from compute_ref.http.body import read_json
from compute_ref.identity.addresses import checksum_address
from compute_ref.refusals import Malformed

SYNONYMS: Final = {
    "owner": "consumerAddress",
    "chainID": "chainId",
    "additionalInputs": "additionalDatasets",
}


def query(request: falcon.Request) -> dict[str, Any]:
    """The query string's parameters; one that is given twice is an error."""
    twice = [name for name, value in request.params.items() if isinstance(value, list)]
    if twice:
        raise Malformed({name: [f"The {name} field is given more than once."] for name in twice})
    return unified(request.params)


def body(request: falcon.Request, most: int) -> dict[str, Any]:
    """The JSON body's parameters."""
    return unified(read_json(request, most))


def query_or_body(request: falcon.Request, most: int) -> dict[str, Any]:
    """The query string's parameters if there is one, else the body's (PUT and DELETE)."""
    return query(request) if request.query_string else body(request, most)


def unified(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters under their first names, without those that are null or ""."""
    present = {k: v for k, v in parameters.items() if v is not None and v != ""}
    for other, name in SYNONYMS.items():
        if other in present:
            value = present.pop(other)
            if name not in present or present[name] == []:
                present[name] = value
            elif not _same(present[name], value) and value != []:
                raise Malformed({other: [f"The {other} and {name} fields differ; send one."]})
    return present


def _same(one: Any, other: Any) -> bool:
    if one == other:
        return True
    try:
        return checksum_address(one) == checksum_address(other)
    except (TypeError, ValueError):
        return False
