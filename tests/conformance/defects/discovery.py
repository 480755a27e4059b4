"""Servers whose root document misleads clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import falcon

from compute_ref.http import discovery, routes
from compute_ref.http.discovery import ENDPOINTS, DiscoveryResource
from compute_ref.refusals import SignatureInvalid
from tests.conformance.defects.defect import Kind, Wrong, defect

Document = dict[str, Any]


def root(name: str, breaks: str, change: Callable[[Document], Document]) -> None:
    """A defect of what the root document says."""

    def apply(wrong: Wrong) -> None:
        wrong.documents("/", change)

    defect(name, breaks, kind=Kind.SHAPE)(apply)


def endpoints(name: str, breaks: str, **changes: object) -> None:
    """A defect of the table of calls; a change to None leaves the call out."""

    def apply(wrong: Wrong) -> None:
        told = {key: value for key, value in {**ENDPOINTS, **changes}.items() if value is not None}
        wrong.patch(discovery, "ENDPOINTS", told)

    defect(name, breaks, kind=Kind.SHAPE)(apply)


@defect("root-for-members-only", "CE-ROOT-OBJECT")
def root_for_members_only(wrong: Wrong) -> None:
    def on_get(self: object, req: falcon.Request, resp: falcon.Response) -> None:
        raise SignatureInvalid

    wrong.patch(DiscoveryResource, "on_get", on_get)


@defect("root-is-a-page-for-people", "CE-ROOT-OBJECT", kind=Kind.SHAPE)
def root_is_a_page(wrong: Wrong) -> None:
    def on_get(self: object, req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type, resp.text = falcon.MEDIA_HTML, "<h1>It works</h1>"

    wrong.patch(DiscoveryResource, "on_get", on_get)


root("root-in-an-array", "CE-ROOT-OBJECT", lambda told: [told])  # type: ignore[arg-type, return-value]
root("addresses-empty", "CE-ROOT-ADDRESSES", lambda told: {**told, "providerAddresses": {}})
root(
    "addresses-without-prefix",
    "CE-ROOT-ADDRESS-FORM",
    lambda told: {
        **told,
        "providerAddresses": {c: a[2:] for c, a in told["providerAddresses"].items()},
    },
)
root(
    "addresses-by-network-name",
    "CE-ROOT-CHAIN-SERVED",
    lambda told: {
        **told,
        "providerAddresses": {"development": told["providerAddresses"]["8996"]},
        "chainIds": [],
    },
)
root("chain-ids-as-texts", "CE-ROOT-CHAIN-IDS", lambda told: {**told, "chainIds": ["8996"]})
root("chain-ids-repeated", "CE-ROOT-CHAIN-IDS", lambda told: {**told, "chainIds": [8996, 8996]})
root("one-chain-id-alone", "CE-ROOT-CHAIN-IDS", lambda told: {**told, "chainIds": 8996})
root("chains-disagree", "CE-ROOT-CHAINS-AGREE", lambda told: {**told, "chainIds": [8996, 1]})
root("version-is-a-number", "CE-ROOT-SOFTWARE", lambda told: {**told, "version": 2.1})
root("software-not-named", "CE-ROOT-SOFTWARE", lambda told: {**told, "software": ""})
root(
    "endpoints-as-a-list",
    "CE-ROOT-ENDPOINTS",
    lambda told: {
        **told,
        "serviceEndpoints": [
            {"name": name, "method": one[0], "path": one[1]}
            for name, one in told["serviceEndpoints"].items()
        ],
    },
)
endpoints("endpoint-of-a-path-alone", "CE-ROOT-ENDPOINT-PAIRS", download="/api/services/download")
endpoints(
    "endpoint-of-two-methods",
    "CE-ROOT-ENDPOINT-METHODS",
    computeStatus=["GET,HEAD", "/api/services/compute"],
)
endpoints(
    "endpoint-without-slash",
    "CE-ROOT-ENDPOINT-PATHS",
    computeResult=["GET", "api/services/computeResult"],
)
endpoints(
    "endpoint-of-two-slashes",
    "CE-ROOT-ENDPOINT-PATHS",
    computeStatus=["GET", "//localhost/api/services/compute"],
)
endpoints("start-unlisted", "CE-ROOT-START", computeStart=None)
endpoints("start-by-the-first-path", "CE-ROOT-START", computeStart=["POST", "/api/compute"])
endpoints("status-by-post", "CE-ROOT-STATUS", computeStatus=["POST", "/api/services/compute"])
endpoints("stop-by-a-path", "CE-ROOT-STOP", computeStop=["PUT", "/api/services/computeStop"])
endpoints("delete-by-post", "CE-ROOT-DELETE", computeDelete=["POST", "/api/services/compute"])
endpoints(
    "results-in-plural",
    "CE-ROOT-RESULT",
    computeResult=None,
    computeResults=["GET", "/api/services/computeResult"],
)
endpoints(
    "environments-in-snake-case",
    "CE-ROOT-ENVIRONMENTS",
    computeEnvironments=None,
    compute_environments=["GET", "/api/services/computeEnvironments"],
)
endpoints("nonce-unlisted", "CE-ROOT-NONCE", nonce=None)
endpoints(
    "token-in-camel-case",
    "CE-ROOT-TOKEN",
    create_auth_token=None,
    createAuthToken=["GET", "/api/services/createAuthToken"],
)
endpoints(
    "token-removal-in-camel-case",
    "CE-ROOT-TOKEN-REMOVAL",
    delete_auth_token=None,
    deleteAuthToken=["DELETE", "/api/services/deleteAuthToken"],
)
endpoints(
    "initialize-listed-as-get",
    "CE-ROOT-INITIALIZE",
    initializeCompute=["GET", "/api/services/initializeCompute"],
)
endpoints(
    "fileinfo-in-camel-case",
    "CE-ROOT-FILEINFO",
    fileinfo=None,
    fileInfo=["POST", "/api/services/fileinfo"],
)


@defect("lists-what-it-has-not", "CE-ROOT-REACHABLE")
def lists_what_it_has_not(wrong: Wrong) -> None:
    calls = {
        path: one for path, one in routes.CALLS.items() if not path.endswith("initializeCompute")
    }
    wrong.patch(routes, "CALLS", calls)
