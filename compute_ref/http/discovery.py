"""GET /: where everything is. Clients read it before nearly every call, so it is made once."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Final

import falcon

from compute_ref.http.reading import Reading
from compute_ref.services import Services

ENDPOINTS: Final = {
    "computeStart": ["POST", "/api/services/compute"],
    "computeStop": ["PUT", "/api/services/compute"],
    "computeStatus": ["GET", "/api/services/compute"],
    "computeDelete": ["DELETE", "/api/services/compute"],
    "computeResult": ["GET", "/api/services/computeResult"],
    "computeEnvironments": ["GET", "/api/services/computeEnvironments"],
    "initializeCompute": ["POST", "/api/services/initializeCompute"],
    "fileinfo": ["POST", "/api/services/fileinfo"],
    "nonce": ["GET", "/api/services/nonce"],
    "create_auth_token": ["GET", "/api/services/createAuthToken"],
    "delete_auth_token": ["DELETE", "/api/services/deleteAuthToken"],
}


class DiscoveryResource(Reading):
    """Software, chains, provider address and the table of calls."""

    def __init__(self, services: Services) -> None:
        chains = services.settings.chains.ids
        document = {
            "software": "compute-ref",
            "version": version("compute-ref"),
            "providerAddresses": {str(chain): services.provider.address for chain in chains},
            "chainIds": list(chains),
            "serviceEndpoints": ENDPOINTS,
        }
        self._document = json.dumps(document).encode("utf-8")

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The document."""
        resp.content_type = falcon.MEDIA_JSON
        resp.data = self._document
