"""The shipped documents in every role that a conformance suite asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from compute_ref.assets.catalogue import Catalogue
from compute_ref.assets.ddo import Ddo
from compute_ref.plugins import FileObject, OpenFile, WebClient, hookimpl

SHIPPED: Final = Path(__file__).parent / "assets"
ROLE: Final = "conformanceRole"


class ShippedRoles:
    """A plug-in that serves them, as of one chain, beside the server's own catalogue."""

    def __init__(self, chain: int) -> None:
        self._chain = chain
        self._catalogue = Catalogue(SHIPPED)

    def documents(self) -> Iterable[Ddo]:
        """All of them."""
        return [self._of_chain(ddo) for ddo in self._catalogue.documents().values()]

    @hookimpl
    def resolve_did(self, did: str) -> Ddo | None:
        """The shipped document of that DID."""
        ddo = self._catalogue.resolve_did(did)
        return None if ddo is None else self._of_chain(ddo)

    @hookimpl
    def open_file(self, file: FileObject, web: WebClient, userdata: Any) -> OpenFile | None:
        """A file that the shipped documents name; every other one is another plug-in's."""
        if not any(file in service["files"] for ddo in self.documents() for service in _of(ddo)):
            return None
        return self._catalogue.open_file(file, web, userdata)

    def _of_chain(self, ddo: Ddo) -> Ddo:
        return {**ddo, "chainId": self._chain}


def roles(documents: Iterable[Ddo]) -> Iterator[tuple[str, Ddo, Mapping[str, Any]]]:
    """Each role that a service of the documents says it plays, with both."""
    for ddo in documents:
        for service in _of(ddo):
            told = service.get("additionalInformation")
            role = told.get(ROLE) if isinstance(told, Mapping) else None
            if isinstance(role, str):
                yield role, ddo, service


def _of(ddo: Ddo) -> Iterable[Mapping[str, Any]]:
    services: Iterable[Mapping[str, Any]] = ddo["services"]
    return services
