"""What a defect is, and how it gets into the reference server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from unittest import mock

import webob
from webob.multidict import MultiDict

from compute_conformance.chance import Effort
from compute_ref.http.schemas import _reader
from compute_ref.settings import Settings
from tests.conformance.reference import Change, reference

WSGI = Callable[..., Iterable[bytes]]
Rewrite = Callable[[webob.Request, webob.Response], None]
COMPUTE: Final = "/api/services/compute"


class Kind(StrEnum):
    """What goes wrong."""

    SHAPE = "shape"  #: what an answer looks like
    BEHAVIOUR = "behaviour"  #: what the server does
    SECURITY = "security"  #: whose rights or data suffer


class _Request(webob.Request):  # type: ignore[misc]
    """Has what came, whatever it is: webob's own fails at bytes that are not UTF-8."""

    @property
    def path(self) -> str:
        """The path without its query, unquoted."""
        return str(self.environ["PATH_INFO"])

    @property
    def GET(self) -> Any:
        """The parameters of the query; none where they cannot be read."""
        try:
            return super().GET
        except UnicodeDecodeError:
            return MultiDict()


@dataclass
class Wrong:
    """Takes the defects; the methods may be called more than once."""

    stack: ExitStack
    changes: list[Change] = field(default_factory=list)
    middlewares: list[Callable[[WSGI], WSGI]] = field(default_factory=list)

    def changed(self, settings: Settings) -> Settings:
        """The settings after all changes."""
        for change in self.changes:
            settings = change(settings)
        return settings

    def around(self, app: WSGI) -> WSGI:
        """The server with everything around it."""
        for middleware in self.middlewares:
            app = middleware(app)
        return app

    def patch(self, where: object, name: str, value: object) -> None:
        """Put something else in the place of an attribute of the server's code."""
        self.stack.enter_context(mock.patch.object(where, name, value))

    def settings(self, change: Change) -> None:
        """Configure the server otherwise."""
        self.changes.append(change)

    def answers(self, rewrite: Rewrite) -> None:
        """Change each answer, a webob.Response, in its place."""

        def middleware(app: WSGI) -> WSGI:
            def wrong(environ: Any, start_response: Any) -> Iterable[bytes]:
                request = _Request(environ)
                response = request.get_response(app)
                rewrite(request, response)
                answer: Iterable[bytes] = response(environ, start_response)
                return answer

            return wrong

        self.middlewares.append(middleware)

    def requests(self, rewrite: Callable[[webob.Request], None]) -> None:
        """Change each request before the server sees it."""

        def middleware(app: WSGI) -> WSGI:
            def wrong(environ: Any, start_response: Any) -> Iterable[bytes]:
                rewrite(_Request(environ))
                return app(environ, start_response)

            return wrong

        self.middlewares.append(middleware)

    def documents(self, path: str, change: Callable[[Any], Any]) -> None:
        """Answer with what `change` makes of the JSON of each answer of 200 at this path."""

        def rewrite(request: webob.Request, response: webob.Response) -> None:
            if request.path == path and response.status_int == 200 and response.body:
                response.body = json.dumps(change(json.loads(response.body))).encode()

        self.answers(rewrite)

    def starts(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the body of each start or restart before the server sees it."""

        def rewrite(request: webob.Request) -> None:
            if request.method == "POST" and request.path == COMPUTE:
                with suppress(ValueError, RecursionError):
                    body = json.loads(request.body)
                    before = json.dumps(body)
                    if isinstance(body, dict):
                        change(body)
                    if json.dumps(body) != before:  # else it stays as it was signed
                        request.body = json.dumps(body).encode()

        self.requests(rewrite)

    def refusals(self, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
        """Say something else in each refusal of a start; None leaves it as it is."""

        def rewrite(request: webob.Request, response: webob.Response) -> None:
            if request.method == "POST" and request.path == COMPUTE and response.status_int == 400:
                response.body = json.dumps(change(response.json) or response.json).encode()

        self.answers(rewrite)

    def jobs(self, change: Callable[[webob.Request, dict[str, Any]], None]) -> None:
        """Change each status object of each answer to a compute call."""

        def rewrite(request: webob.Request, response: webob.Response) -> None:
            if request.path == COMPUTE and response.status_int == 200 and response.body:
                jobs = json.loads(response.body)
                for job in jobs:
                    change(request, job)
                response.body = json.dumps(jobs).encode()

        self.answers(rewrite)


@dataclass(frozen=True, slots=True)
class Defect:
    """A way to be wrong. `breaks` names requirements; the first is the one to blame."""

    id: str
    breaks: tuple[str, ...]
    kind: Kind
    calls: int  #: the least number of calls after which anybody can notice
    apply: Callable[[Wrong], None]
    effort: Effort = Effort.QUICK  #: the least that finds it

    @contextmanager
    def server(self) -> Iterator[WSGI]:
        """The reference with this defect."""
        with ExitStack() as stack:
            _reader.cache_clear()  # what was read with before knows nothing of the defect
            stack.callback(_reader.cache_clear)
            wrong = Wrong(stack)
            self.apply(wrong)
            yield wrong.around(stack.enter_context(reference(wrong.changed)))


DEFECTS: dict[str, Defect] = {}


def defect(
    name: str,
    *breaks: str,
    kind: Kind = Kind.BEHAVIOUR,
    calls: int = 1,
    effort: Effort = Effort.QUICK,
) -> Callable[[Callable[[Wrong], None]], Callable[[Wrong], None]]:
    """Register a function that makes a server wrong. KeyError for a name that is taken."""

    def register(apply: Callable[[Wrong], None]) -> Callable[[Wrong], None]:
        if name in DEFECTS:
            raise KeyError(name)
        DEFECTS[name] = Defect(name, breaks, kind, calls, apply, effort)
        return apply

    return register
