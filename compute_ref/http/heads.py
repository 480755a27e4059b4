"""HEAD follows GET wherever a call does not say otherwise."""

from __future__ import annotations

from typing import Any

import falcon


class HeadFollowsGet:
    """Falcon middleware: lets a GET answer a HEAD; the server leaves the body out."""

    def process_resource(
        self, req: falcon.Request, resp: falcon.Response, resource: Any, params: dict[str, Any]
    ) -> None:
        """Call the resource's GET for a HEAD that it does not answer itself."""
        if (
            req.method == "HEAD"
            and hasattr(resource, "on_get")
            and not hasattr(resource, "on_head")
        ):
            resource.on_get(req, resp, **params)
            resp.complete = True
