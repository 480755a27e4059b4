"""HTTP Archive 1.2: every exchange, for tools that show and compare them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit


def har(document: Mapping[str, Any]) -> str:
    """The redacted exchanges of all checks, each with its requirement as the comment."""
    suite = document["suite"]
    entries = [
        _entry(document, requirement["id"], exchange)
        for requirement in document["requirements"]
        for check in requirement["checks"]
        for exchange in check["exchanges"]
    ]
    creator = {"name": suite["name"], "version": suite["version"]}
    return json.dumps({"log": {"version": "1.2", "creator": creator, "entries": entries}}, indent=1)


def _entry(document: Mapping[str, Any], comment: str, exchange: Mapping[str, Any]) -> Any:
    request, answer = exchange["request"], exchange["answer"]
    base = document["target"] if "://" in document["target"] else "http://in.this.process"
    kind = answer["headers"].get("content-type", "")
    return {
        "startedDateTime": document["started"],
        "time": 0,
        "comment": comment,
        "request": {
            "method": request["method"],
            "url": f"{base}{request['target']}",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": _pairs(request["headers"].items()),
            "queryString": _pairs(parse_qsl(urlsplit(request["target"]).query)),
            "postData": {"mimeType": "application/json", "text": request["body"]},
            "headersSize": -1,
            "bodySize": len(request["body"]),
        },
        "response": {
            "status": answer["status"],
            "statusText": "",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": _pairs(answer["headers"].items()),
            "content": {"size": len(answer["body"]), "mimeType": kind, "text": answer["body"]},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": len(answer["body"]),
        },
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": 0},
    }


def _pairs(pairs: Any) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]
