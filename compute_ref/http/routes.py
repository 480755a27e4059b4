"""The table of calls."""

from __future__ import annotations

from typing import Any

import falcon

from compute_ref.http import errors
from compute_ref.http.beside import DdoResource, FileInfoResource, InitializeResource
from compute_ref.http.compute import ComputeResource
from compute_ref.http.discovery import DiscoveryResource
from compute_ref.http.environments import EnvironmentsResource
from compute_ref.http.headers import Headers
from compute_ref.http.identities import CreateTokenResource, DeleteTokenResource, NonceResource
from compute_ref.http.result import ResultResource
from compute_ref.http.specification import SpecificationResource
from compute_ref.refusals import NotFound
from compute_ref.services import Services

CALLS = {
    "/": DiscoveryResource,
    "/api/services/compute": ComputeResource,
    "/api/services/computeResult": ResultResource,
    "/api/services/computeEnvironments": EnvironmentsResource,
    "/api/services/initializeCompute": InitializeResource,
    "/api/services/fileinfo": FileInfoResource,
    "/api/services/nonce": NonceResource,
    "/api/services/createAuthToken": CreateTokenResource,
    "/api/services/deleteAuthToken": DeleteTokenResource,
    "/api/aquarius/assets/ddo/{did}": DdoResource,
    "/spec": SpecificationResource,
}


def application(services: Services) -> falcon.App[Any, Any]:
    """The Falcon application of these services."""
    middleware: list[Any] = [Headers(services.settings.server)]
    app: falcon.App[Any, Any] = falcon.App(middleware=middleware)
    app.req_options.keep_blank_qs_values = True
    app.req_options.auto_parse_qs_csv = False
    errors.install(app)
    for path, resource in CALLS.items():
        app.add_route(path, resource(services))
    app.add_sink(unknown_path)
    return app


def unknown_path(req: falcon.Request, resp: falcon.Response, **_: Any) -> None:
    """404."""
    raise NotFound("No such path here. GET / lists the calls.")
