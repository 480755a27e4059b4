"""A fake: the part of a cluster's API that the backend uses, over real HTTP.

It has no TLS and no schema; whoever presents the token of the server's account may do what the
Role in the deployment manifests allows.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from tests.backends.kubernetes.emulated.store import Exists, Gone, Object, Store, matches

ADMIN = "admin-token"
ACCOUNT = "account-token"
KINDS = {
    "jobs": ("batch/v1", "Job"),
    "pods": ("v1", "Pod"),
    "events": ("v1", "Event"),
    "networkpolicies": ("networking.k8s.io/v1", "NetworkPolicy"),
    "persistentvolumeclaims": ("v1", "PersistentVolumeClaim"),
    "namespaces": ("v1", "Namespace"),
}


class Refused(Exception):
    def __init__(self, code: int, reason: str, message: str) -> None:
        self.code, self.reason, self.message = code, reason, message


class Asked(NamedTuple):
    """What a request is about."""

    verb: str
    group: str
    resource: str
    namespace: str
    name: str
    part: str
    labels: str = ""


class ApiServer:
    """Serves `store`; `deleting` decides what a DELETE does, `logs` gives those of containers."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.rules: list[Object] = []
        self.deleting: Any = None
        self.logs: Any = None
        self.closing = threading.Event()
        self.asked: list[Asked] = []  # by the server's account
        outer = self

        class Handler(_Handler):
            api = outer

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._http.server_address[:2]
        return str(host), int(port)

    def close(self) -> None:
        self.closing.set()
        with self.store.changed:
            self.store.changed.notify_all()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def allows(self, asked: Asked) -> bool:
        return any(allowed_by(rule, asked) for rule in self.rules)


def allowed_by(rule: Object, asked: Asked) -> bool:
    """Whether one rule of a Role is about a request."""
    resource = f"{asked.resource}/{asked.part}" if asked.part else asked.resource
    return (
        asked.group in rule["apiGroups"]
        and resource in rule["resources"]
        and asked.verb in rule["verbs"]
        and ("resourceNames" not in rule or asked.name in rule["resourceNames"])
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: ApiServer

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_DELETE = do_GET

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        try:
            self._send(200, self._found(parts.path, query, body))
        except Refused as refused:
            status = {"kind": "Status", "reason": refused.reason, "message": refused.message}
            self._send(refused.code, {**status, "code": refused.code})
        except (ConnectionError, BrokenPipeError):
            self.close_connection = True

    def _found(self, path: str, query: dict[str, str], body: Object) -> Any:
        if path == "/version/":
            return {"major": "1", "minor": "31", "gitVersion": "v1.31.0-emulated"}
        if path.endswith("/selfsubjectaccessreviews"):
            return self._review(body["spec"]["resourceAttributes"])
        asked = self._asked(path, query)
        if self._token() == ADMIN:
            return self._served(asked, query, body)
        self.api.asked.append(asked)
        if not self.api.allows(asked):
            raise Refused(403, "Forbidden", f"the account may not {asked.verb} {asked.resource}")
        return self._served(asked, query, body)

    def _served(self, asked: Asked, query: dict[str, str], body: Object) -> Any:
        store = self.api.store
        if asked.part == "log":
            return self._log(asked, query)
        if asked.verb == "watch":
            return self._watch(asked, query)
        if asked.verb == "create":
            return self._create(asked, body)
        if asked.verb == "list":
            found, version = store.list(
                asked.resource, asked.namespace, query.get("labelSelector", "")
            )
            found = [one for one in found if _about(one, query.get("fieldSelector", ""))]
            return {"kind": "List", "metadata": {"resourceVersion": version}, "items": found}
        found_one = store.get(asked.resource, asked.namespace, asked.name)
        if found_one is None:
            raise Refused(404, "NotFound", f'{asked.resource} "{asked.name}" not found')
        if asked.verb == "delete":
            self.api.deleting(asked.resource, found_one, {**query, **body})
        return found_one

    def _create(self, asked: Asked, body: Object) -> Object:
        version, kind = KINDS[asked.resource]
        try:
            return self.api.store.create(
                asked.resource, asked.namespace, {"apiVersion": version, "kind": kind, **body}
            )
        except Exists:
            raise Refused(409, "AlreadyExists", "already exists") from None

    def _asked(self, path: str, query: dict[str, str]) -> Asked:
        words = path.strip("/").split("/")
        group = words[1] if words[0] == "apis" else ""
        rest = words[3:] if words[0] == "apis" else words[2:]
        if rest[0] != "namespaces":
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        if len(rest) == 2:
            return Asked("get", group, "namespaces", rest[1], rest[1], "")
        namespace, resource, name, part = [*rest[1:], "", ""][:4]
        verb = {"POST": "create", "DELETE": "delete"}.get(self.command, "get" if name else "list")
        if query.get("watch") == "true":
            verb = "watch"
        labels = query.get("labelSelector", "")
        return Asked(verb, group, resource, namespace, name, part, labels)

    def _review(self, about: Object) -> Object:
        asked = Asked(
            about["verb"],
            about.get("group", ""),
            about["resource"],
            about["namespace"],
            about.get("name", ""),
            about.get("subresource", ""),
        )
        return {"status": {"allowed": self._token() == ADMIN or self.api.allows(asked)}}

    def _token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _watch(self, asked: Asked, query: dict[str, str]) -> Iterator[bytes]:
        selector = query.get("labelSelector", "")
        version = int(query.get("resourceVersion") or 0)
        seconds = float(query.get("timeoutSeconds", 60))
        try:
            for change in self.api.store.since(version, seconds, self.api.closing):
                inside = change.shown["metadata"]["namespace"] == asked.namespace
                if change.resource == asked.resource and inside and matches(change.shown, selector):
                    yield json.dumps({"type": change.what, "object": change.shown}).encode() + b"\n"
        except Gone:
            status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
            yield json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"

    def _log(self, asked: Asked, query: dict[str, str]) -> Iterator[bytes]:
        found = self.api.logs(asked.name, query.get("container"), query.get("follow") == "true")
        if found is None:
            raise Refused(404, "NotFound", f'pods "{asked.name}" not found')
        chunks: Iterator[bytes] = found
        return chunks

    def _send(self, code: int, content: Any) -> None:
        self.send_response(code)
        if isinstance(content, Iterator):
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._stream(content)
            return
        data = json.dumps(content).encode()
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, chunks: Iterable[bytes]) -> None:
        for chunk in chunks:
            if chunk:
                self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
                self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()


def _about(shown: Object, selector: str) -> bool:
    name = selector.removeprefix("involvedObject.name=")
    return not selector or shown.get("involvedObject", {}).get("name") == name
