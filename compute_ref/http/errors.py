"""The one place where refusals and faults become answers (reading R3)."""

from __future__ import annotations

import logging
import secrets
from typing import Any

import falcon

from compute_ref.http.body import BodyTooLarge, NotJson
from compute_ref.http.files import RangeUnsatisfiable
from compute_ref.refusals import SHORT, Malformed, NotFound, Refused, SystemShort, Unavailable

logger = logging.getLogger("compute_ref.http")


def install(app: falcon.App[Any, Any]) -> None:
    """Let `app` answer every error in the contract's shapes."""
    app.add_error_handler(Exception, unexpected)
    app.add_error_handler(OSError, by_system)
    app.add_error_handler(falcon.HTTPError, by_falcon)
    app.add_error_handler(Malformed, malformed)
    app.add_error_handler(Refused, refused)
    app.add_error_handler(NotFound, not_found)
    app.add_error_handler(Unavailable, unavailable)
    app.add_error_handler(BodyTooLarge, too_large)
    app.add_error_handler(NotJson, not_json)
    app.add_error_handler(RangeUnsatisfiable, no_such_range)


def malformed(
    req: falcon.Request, resp: falcon.Response, error: Malformed, params: dict[str, Any]
) -> None:
    """400, every wrong field; clients read the keys in this order."""
    resp.status = falcon.HTTP_400
    resp.media = {"errors": error.errors, "message": "Validation error", "success": False}


def refused(
    req: falcon.Request, resp: falcon.Response, error: Refused, params: dict[str, Any]
) -> None:
    """400, a sentence or ``{resource: code}``."""
    resp.status = falcon.HTTP_400
    resp.media = {"error": error.reason}


def not_found(
    req: falcon.Request, resp: falcon.Response, error: NotFound, params: dict[str, Any]
) -> None:
    """404."""
    resp.status = falcon.HTTP_404
    resp.media = {"error": str(error)}


def unavailable(
    req: falcon.Request, resp: falcon.Response, error: Unavailable, params: dict[str, Any]
) -> None:
    """503 with Retry-After."""
    resp.status = falcon.HTTP_503
    resp.set_header("Retry-After", str(error.retry_after))
    resp.media = {"error": str(error)}


def by_system(
    req: falcon.Request, resp: falcon.Response, error: OSError, params: dict[str, Any]
) -> None:
    """503 where the machine is short of something, otherwise a fault as any other."""
    if error.errno not in SHORT:
        unexpected(req, resp, error, params)
        return
    logger.error("%s %s was refused: %s", req.method, req.path, error.strerror)
    unavailable(req, resp, SystemShort(), params)


def too_large(
    req: falcon.Request, resp: falcon.Response, error: BodyTooLarge, params: dict[str, Any]
) -> None:
    """413."""
    resp.status = falcon.HTTP_413
    resp.media = {"error": "The body is larger than this server takes. Send less."}


def not_json(
    req: falcon.Request, resp: falcon.Response, error: NotJson, params: dict[str, Any]
) -> None:
    """415."""
    resp.status = falcon.HTTP_415
    resp.media = {"error": "The body must be JSON, with Content-Type: application/json."}


def no_such_range(
    req: falcon.Request, resp: falcon.Response, error: RangeUnsatisfiable, params: dict[str, Any]
) -> None:
    """416, with the size that there is."""
    resp.status = falcon.HTTP_416
    resp.set_header("Content-Range", f"bytes */{error.size}")
    resp.media = {"error": "The file has no such range. Content-Range says how long it is."}


def by_falcon(
    req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError, params: dict[str, Any]
) -> None:
    """Unknown paths, wrong methods, broken headers."""
    resp.status = error.status
    for name, value in dict(error.headers or {}).items():
        resp.set_header(name, value)
    resp.media = {"error": error.title}


def unexpected(
    req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]
) -> None:
    """500; the log has the fault under the same id, the answer has nothing of it."""
    request_id = secrets.token_hex(8)
    logger.error("%s %s failed (%s)", req.method, req.path, request_id, exc_info=error)
    resp.status = falcon.HTTP_500
    resp.media = {
        "error": "The server met a fault of its own. Tell its operator the requestId.",
        "requestId": request_id,
    }
