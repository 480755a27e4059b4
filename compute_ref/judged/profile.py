"""A server's profile for a conformance suite: everything granted, all that it has named."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from compute_ref.app import ComputeRef, create_app, own_url
from compute_ref.assets.catalogue import Catalogue
from compute_ref.assets.ddo import Ddo
from compute_ref.judged.catalogue import ShippedRoles, roles
from compute_ref.settings import Settings

CODE: Final = """\
[code] # what a raw algorithm says to do one thing; the entrypoint is a shell's
say = "echo '{token}'"
complain = "echo '{token}' >&2"
stay = "sleep {seconds}"
fail = "exit {code}"
write = '''mkdir -p "$(dirname "$OUTPUTS/{name}")" && echo '{text}' > "$OUTPUTS/{name}"'''
"""
PLAIN: Final = "echo 42 > $OUTPUTS/a.txt\necho hello\n"
HEAD: Final = """\
# Written by compute-ref serve for one server that ran: compute-conformance run --profile THIS
url = {url}
chain = {chain}
environment = {environment}
access = 3 # jobs, algorithms that do what they are told, many calls at once
capabilities = [] # all are claimed
orders = "make" # any transfer is genuine here, unless a plug-in says otherwise
keys = "make" # any account may come

[limits] # seconds
request = 30
start = 60
finish = 120
stop = {stop:g}
"""
IMAGES: Final = (
    "--conformance-profile: the backend of the first environment runs images, and the catalogue"
    " has no documents for a conformance suite; write them with compute-conformance assets DIR"
    " --image NAME --checksum sha256:…, and serve them with --catalogue DIR"
)


class NoRoles(ValueError):
    """Nothing that runs here plays the suite's roles; the text says what to do."""


def create_judged(settings: Settings) -> tuple[ComputeRef, str]:
    """A server with assets for a suite, and its profile; NoRoles, or what `create_app` raises.

    The assets are the configured catalogue's where it has some, and the shipped ones elsewhere.
    """
    documents: Iterable[Ddo] = Catalogue(settings.catalogue.path).documents().values()
    if any(roles(documents)):
        return create_app(settings), profile(settings, documents)
    shipped = ShippedRoles(_chain(settings))
    app = create_app(settings, plugins=(shipped,))
    if app.services.backends[settings.environments[0].id].runs_images:
        app.close()
        raise NoRoles(IMAGES)
    return app, profile(settings, shipped.documents())


def profile(settings: Settings, documents: Iterable[Ddo]) -> str:
    """The profile of a server of these settings, whose catalogue has these documents."""
    return "\n".join((_head(settings), CODE, *_assets(documents)))


def _head(settings: Settings) -> str:
    return HEAD.format(
        url=_text(own_url(settings)),
        chain=_chain(settings),
        environment=_text(settings.environments[0].id),
        stop=settings.deadlines.stop_grace + settings.deadlines.backend_call,
    )


def _chain(settings: Settings) -> int:
    """One on which the first environment is shown."""
    return (settings.environments[0].chains or settings.chains.ids)[0]


def _assets(documents: Iterable[Ddo]) -> Iterator[str]:
    container: Mapping[str, Any] = {}
    for role, ddo, service in roles(documents):
        algorithm = ddo["metadata"].get("type") == "algorithm"
        if algorithm:
            container = ddo["metadata"]["algorithm"]["container"]
        yield f"[{'algorithms' if algorithm else 'datasets'}.{role}]"
        yield f"documentId = {_text(ddo['id'])}"
        yield f"serviceId = {_text(service['id'])}\n"
    yield from _raw("plain", container, PLAIN)
    yield from _raw("raw", container)


def _raw(role: str, container: Mapping[str, Any], code: str = "") -> Iterator[str]:
    """An algorithm that a consumer brings along."""
    yield f"[algorithms.{role}.meta]"
    yield 'language = "sh"\nformat = "text"\nversion = "1"'
    if code:
        yield f"rawcode = {_text(code)}"
    yield f"[algorithms.{role}.meta.container]"
    yield from (f"{key} = {_text(value)}" for key, value in container.items())
    yield ""


def _text(value: object) -> str:
    """A text as TOML writes it, which is as JSON does."""
    return json.dumps(str(value), ensure_ascii=False)
