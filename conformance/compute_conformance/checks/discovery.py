"""`GET /`: what clients learn before they ask for anything else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.consumers import SERVICES
from compute_conformance.exchanges import MISSING, Request
from compute_conformance.verdicts import Unsupported, expect, given

ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})
CALLS: Final = {
    "computeStart": ["POST", f"{SERVICES}/compute"],
    "computeStatus": ["GET", f"{SERVICES}/compute"],
    "computeStop": ["PUT", f"{SERVICES}/compute"],
    "computeDelete": ["DELETE", f"{SERVICES}/compute"],
    "computeResult": ["GET", f"{SERVICES}/computeResult"],
    "computeEnvironments": ["GET", f"{SERVICES}/computeEnvironments"],
    "nonce": ["GET", f"{SERVICES}/nonce"],
    "create_auth_token": ["GET", f"{SERVICES}/createAuthToken"],
    "delete_auth_token": ["DELETE", f"{SERVICES}/deleteAuthToken"],
    "initializeCompute": ["POST", f"{SERVICES}/initializeCompute"],
    "fileinfo": ["POST", f"{SERVICES}/fileinfo"],
}


@check("CE-ROOT-OBJECT")
def is_object(bench: Bench) -> None:
    """An unsigned `GET /`."""
    _document(bench)


@check("CE-ROOT-ADDRESSES")
def addresses(bench: Bench) -> None:
    """The member that clients look for to know a provider by."""
    found = _root(bench)
    told = found.get("providerAddresses") or found.get("providerAddress")
    expect(told, "providerAddresses or providerAddress", found)


@check("CE-ROOT-ADDRESS-FORM")
def address_form(bench: Bench) -> None:
    """The values of providerAddresses."""
    for address in _addresses(bench).values():
        fits = isinstance(address, str) and ADDRESS.fullmatch(address)
        expect(fits, "an Ethereum address", address)


@check("CE-ROOT-CHAIN-SERVED")
def chain_served(bench: Bench) -> None:
    """The keys of providerAddresses, and the chain of the profile."""
    chain, found = str(bench.profile.chain), _addresses(bench)
    expect(chain in found, f"an entry {chain}", found)


@check("CE-ROOT-CHAIN-IDS")
def chain_ids(bench: Bench) -> None:
    """The member chainIds."""
    _chains(_root(bench))


@check("CE-ROOT-CHAINS-AGREE")
def chains_agree(bench: Bench) -> None:
    """The two members that tell chains."""
    found = _root(bench)
    with given("chainIds and providerAddresses"):
        ids, keys = {str(chain) for chain in _chains(found)}, set(_addresses(bench))
    expect(ids == keys, f"the chains {sorted(keys)}", sorted(ids))


@check("CE-ROOT-SOFTWARE")
def software(bench: Bench) -> None:
    """The members software and version."""
    found = _root(bench)
    for name in ("software", "version"):
        value = found.get(name)
        expect(isinstance(value, str) and value, f"a text {name}", value)


@check("CE-ROOT-ENDPOINTS")
def endpoints_object(bench: Bench) -> None:
    """The member serviceEndpoints."""
    _endpoints(_root(bench))


@check("CE-ROOT-ENDPOINT-PAIRS")
def endpoint_pairs(bench: Bench) -> None:
    """Every entry of serviceEndpoints, also those beyond this API."""
    for name, entry in _listed(bench).items():
        expect(_is_pair(entry), f"[method, path] of {name}", entry)


@check("CE-ROOT-ENDPOINT-METHODS")
def endpoint_methods(bench: Bench) -> None:
    """The first element of every entry."""
    for name, (method, _) in _pairs(bench).items():
        expect(method.upper() in METHODS, f"a method of HTTP for {name}", method)


@check("CE-ROOT-ENDPOINT-PATHS")
def endpoint_paths(bench: Bench) -> None:
    """The second element of every entry."""
    for name, (_, path) in _pairs(bench).items():
        expect(re.match(r"/(?!/)", path), f"a path for {name}", path)


@check("CE-ROOT-START")
def start(bench: Bench) -> None:
    """The entry computeStart."""
    _listed_as_known(bench, "computeStart")


@check("CE-ROOT-STATUS")
def status(bench: Bench) -> None:
    """The entry computeStatus."""
    _listed_as_known(bench, "computeStatus")


@check("CE-ROOT-STOP")
def stop(bench: Bench) -> None:
    """The entry computeStop."""
    _listed_as_known(bench, "computeStop")


@check("CE-ROOT-DELETE")
def delete(bench: Bench) -> None:
    """The entry computeDelete."""
    _listed_as_known(bench, "computeDelete")


@check("CE-ROOT-RESULT")
def result(bench: Bench) -> None:
    """The entry computeResult."""
    _listed_as_known(bench, "computeResult")


@check("CE-ROOT-ENVIRONMENTS")
def environments(bench: Bench) -> None:
    """The entry computeEnvironments."""
    _listed_as_known(bench, "computeEnvironments")


@check("CE-ROOT-NONCE")
def nonce(bench: Bench) -> None:
    """The entry nonce."""
    _listed_as_known(bench, "nonce")


@check("CE-ROOT-TOKEN")
def token(bench: Bench) -> None:
    """The entry create_auth_token, where tokens are made."""
    _listed_if_offered(bench, "create_auth_token")


@check("CE-ROOT-TOKEN-REMOVAL")
def token_removal(bench: Bench) -> None:
    """The entry delete_auth_token, where tokens can be taken back."""
    _listed_if_offered(bench, "delete_auth_token")


@check("CE-ROOT-INITIALIZE")
def initialize(bench: Bench) -> None:
    """The entry initializeCompute, where the call is offered."""
    _listed_if_offered(bench, "initializeCompute")


@check("CE-ROOT-FILEINFO")
def fileinfo(bench: Bench) -> None:
    """The entry fileinfo, where the call is offered."""
    _listed_if_offered(bench, "fileinfo")


@check("CE-ROOT-REACHABLE")
def reachable(bench: Bench) -> None:
    """Each listed call, asked without parameters."""
    pairs = _pairs(bench)
    for name in CALLS.keys() & pairs.keys():
        method, path = pairs[name]
        answer = bench.send(Request(method.upper(), path))
        expect(answer.status not in MISSING, f"{name} to be there", answer)


def _document(bench: Bench) -> dict[str, Any]:
    found = bench.get("/").accepted(200)
    expect(isinstance(found, dict), "a JSON object", found)
    document: dict[str, Any] = found
    return document


def _root(bench: Bench) -> dict[str, Any]:
    with given("a root document"):
        return _document(bench)


def _addresses(bench: Bench) -> dict[str, Any]:
    """The addresses by chain; a target that tells only the older one does not tell them."""
    found = _root(bench)
    if "providerAddress" in found and "providerAddresses" not in found:
        raise Unsupported("providerAddresses", found)
    with given("providerAddresses"):
        expect(isinstance(found.get("providerAddresses"), dict), "an object", found)
    addresses: dict[str, Any] = found["providerAddresses"]
    return addresses


def _chains(root: Mapping[str, Any]) -> list[int]:
    found = root.get("chainIds")
    expect(isinstance(found, list), "an array chainIds", found)
    chains: list[int] = found or []
    expect(all(type(chain) is int for chain in chains), "integers", chains)
    expect(len(set(chains)) == len(chains), "each chain once", chains)
    return chains


def _endpoints(root: Mapping[str, Any]) -> dict[str, Any]:
    found = root.get("serviceEndpoints")
    expect(isinstance(found, dict), "an object serviceEndpoints", found)
    endpoints: dict[str, Any] = found or {}
    return endpoints


def _listed(bench: Bench) -> dict[str, Any]:
    with given("serviceEndpoints"):
        return _endpoints(_root(bench))


def _pairs(bench: Bench) -> dict[str, tuple[str, str]]:
    """Method and path by name, of the entries that have them."""
    return {name: (one[0], one[1]) for name, one in _listed(bench).items() if _is_pair(one)}


def _is_pair(entry: object) -> bool:
    return (
        isinstance(entry, list) and len(entry) == 2 and all(isinstance(one, str) for one in entry)
    )


def _listed_as_known(bench: Bench, name: str) -> None:
    method, path = CALLS[name]
    listed = _listed(bench)
    expect(name in listed, f"an entry {name}", listed)
    found = listed[name]
    fits = _is_pair(found) and [str(found[0]).upper(), found[1]] == [method, path]
    expect(fits, f"{name}: {[method, path]}", found)


def _listed_if_offered(bench: Bench, name: str) -> None:
    """Under its name, unless the target does not have the call at all."""
    method, path = CALLS[name]
    if name not in _listed(bench):
        bench.send(Request(method, path)).offered()
    _listed_as_known(bench, name)
