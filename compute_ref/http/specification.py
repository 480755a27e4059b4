"""GET /spec: OpenAPI, made from the schemas that requests are checked by."""

from __future__ import annotations

import falcon

from compute_ref.http.openapi import specification
from compute_ref.http.reading import Reading
from compute_ref.services import Services


class SpecificationResource(Reading):
    """The OpenAPI document of this server."""

    def __init__(self, services: Services) -> None:
        self._document = specification()

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The document."""
        resp.media = self._document
