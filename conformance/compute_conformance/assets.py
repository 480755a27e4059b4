"""Datasets and algorithms in every role that checks ask for, as DDO v4 documents.

An owner publishes them at the target, or names in the profile what plays the same roles there.

=============  ====================================================================================
dataset        what its publisher allows
=============  ====================================================================================
open           any raw algorithm
second         any raw algorithm; named beside the first one
aside          ``second`` through another one of its services, which allows the same
closed         the algorithm ``trusted`` alone, as it was published
nobody         nothing: its lists are empty
everyone       any published algorithm, by ``*``
publisher      all algorithms of the publisher of ``trusted``
both           ``trusted`` by name, and another publisher: no algorithm satisfies both
changed        ``trusted``, with the checksum of other files
repacked       ``trusted``, with the checksum of another container
access         its service is ``access``: to be read beside a first dataset, not to be computed on
denied         any raw algorithm, of one consumer alone, who is nobody here
algorithm
trusted        published by ``PUBLISHER``
stranger       published by another
=============  ====================================================================================

Each service says its role in ``additionalInformation.conformanceRole``, so that whoever serves
the documents can name them in a profile without knowing this table.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

PUBLISHER: Final = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
STRANGER: Final = "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"
NOBODY: Final = "0x6813Eb9362372EEF6200f3b1dbC3f819671cBA69"
OTHER: Final = "0" * 64
DATA: Final = "the data of this role\n"
FOLDER: Final = "conformance"  #: of the files, below the documents


def did_of(role: str) -> str:
    """The DID of a role's document: always the same."""
    return "did:op:" + sha256(f"compute-conformance {role}".encode()).hexdigest()


def unknown_did() -> str:
    """A DID that nobody published."""
    return "did:op:" + secrets.token_hex(32)


def assets(
    code: str, container: Mapping[str, str], chain: int = 8996
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Files by name, and the profile's tables ``datasets`` and ``algorithms``.

    A file is a DDO or, as a text, what the DDOs name. `code` and `container` are the published
    algorithms'.
    """
    files = sha256(code.encode()).hexdigest()
    packed = sha256(f"{container['entrypoint']}{container['checksum']}".encode()).hexdigest()
    trusted = _entry("trusted", files, packed)
    rules: dict[str, dict[str, Any]] = {
        "open": {"allowRawAlgorithm": True},
        "second": {"allowRawAlgorithm": True},
        "closed": {"publisherTrustedAlgorithms": [trusted]},
        "nobody": {},
        "everyone": {"publisherTrustedAlgorithms": [{"did": "*"}]},
        "publisher": {"publisherTrustedAlgorithmPublishers": [PUBLISHER]},
        "both": {
            "publisherTrustedAlgorithms": [trusted],
            "publisherTrustedAlgorithmPublishers": [NOBODY],
        },
        "changed": {"publisherTrustedAlgorithms": [_entry("trusted", OTHER, packed)]},
        "repacked": {"publisherTrustedAlgorithms": [_entry("trusted", files, OTHER)]},
        "denied": {"allowRawAlgorithm": True},
    }
    found: dict[str, Any] = {f"{FOLDER}/data.txt": DATA, f"{FOLDER}/algorithm.txt": code}
    for role, compute in rules.items():
        found[f"{role}.json"] = _dataset(role, chain, _compute(compute))
    found["access.json"] = _dataset("access", chain, {"id": "access", "type": "access"})
    aside = {**found["second.json"]["services"][0], "id": "aside", **_playing("aside")}
    found["second.json"]["services"].append(aside)
    only = [{"type": "address", "values": [NOBODY]}]
    found["denied.json"]["credentials"] = {"allow": only, "deny": []}
    for role, owner in (("trusted", PUBLISHER), ("stranger", STRANGER)):
        found[f"{role}.json"] = _algorithm(role, chain, owner, container)
    datasets = {role: _named(role, "compute") for role in rules}
    datasets["access"] = _named("access", "access")
    datasets["aside"] = _named("second", "aside")
    return found, {
        "datasets": datasets,
        "algorithms": {role: _named(role, "access") for role in ("trusted", "stranger")},
    }


def _named(role: str, service: str) -> dict[str, str]:
    return {"documentId": did_of(role), "serviceId": service}


def _playing(role: str) -> dict[str, Any]:
    return {"additionalInformation": {"conformanceRole": role}}


def _entry(role: str, files: str, container: str) -> dict[str, str]:
    return {
        "did": did_of(role),
        "filesChecksum": files,
        "containerSectionChecksum": container,
    }


def _compute(rules: Mapping[str, Any]) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "allowRawAlgorithm": False,
        "allowNetworkAccess": False,
        "publisherTrustedAlgorithms": [],
        "publisherTrustedAlgorithmPublishers": [],
    }
    return {"id": "compute", "type": "compute", "compute": {**usual, **rules}}


def _document(role: str, chain: int, owner: str) -> dict[str, Any]:
    return {
        "@context": ["https://w3id.org/did/v1"],
        "id": did_of(role),
        "version": "4.1.0",
        "chainId": chain,
        "nft": {"owner": owner, "state": 0},
    }


def _dataset(role: str, chain: int, service: Mapping[str, Any]) -> dict[str, Any]:
    files = [{"type": "file", "path": f"{FOLDER}/data.txt"}]
    return {
        **_document(role, chain, PUBLISHER),
        "metadata": {"type": "dataset", "name": f"Conformance: {role}", "license": "CC0-1.0"},
        "services": [{"timeout": 0, **service, **_playing(role), "files": files}],
    }


def _algorithm(role: str, chain: int, owner: str, container: Mapping[str, str]) -> dict[str, Any]:
    told = {"language": "sh", "version": "1.0", "container": dict(container)}
    return {
        **_document(role, chain, owner),
        "metadata": {
            "type": "algorithm",
            "name": f"Conformance: {role}",
            "license": "CC0-1.0",
            "algorithm": told,
        },
        "services": [
            {
                "id": "access",
                "type": "access",
                "timeout": 0,
                **_playing(role),
                "files": [{"type": "file", "path": f"{FOLDER}/algorithm.txt"}],
            }
        ],
    }
