"""Images of algorithms: found on the daemon, or pulled by it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from docker.auth import resolve_repository_name
from docker.errors import NotFound

from compute_ref.plugins import AlgorithmUnavailable, Image
from compute_ref_docker.daemon import Daemon, Refused
from compute_ref_docker.options import Options

logger = logging.getLogger("compute_ref.docker")

WORD: Final = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
NAME: Final = re.compile(rf"(?:[a-zA-Z0-9][a-zA-Z0-9.-]*(?::[0-9]+)?/)?{WORD}(?:/{WORD})*")
TAG: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}")
CHECKSUM: Final = re.compile(r"sha256:[0-9a-f]{64}")
UNKNOWN: Final = ("not found", "manifest unknown", "no such image", "name unknown")
DENIED: Final = ("denied", "unauthorized", "authentication required", "no basic auth")


@dataclass(frozen=True, slots=True)
class LocalImage:
    """An image that the daemon has: its id, and the folders that it declares as volumes."""

    id: str
    volumes: tuple[str, ...]

    @classmethod
    def of(cls, found: dict[str, Any]) -> LocalImage:
        """Read an answer of the daemon."""
        return cls(found["Id"], tuple(sorted((found.get("Config") or {}).get("Volumes") or ())))


class Images:
    """Gets images ready by the operator's policy."""

    def __init__(self, daemon: Daemon, options: Options) -> None:
        self._daemon = daemon
        self._policy = options.pull
        self._registries = options.registries

    def obtain(self, image: Image, unwanted: Callable[[], bool]) -> LocalImage:
        """The image on the daemon, pulled if need be, or AlgorithmUnavailable.

        A pull is broken off once `unwanted`. What an id names cannot be newer elsewhere, so it
        is never pulled.
        """
        reference = checked(image)
        found = self._with_id(image.checksum)
        if found is None and self._policy != "always":
            found = self._local(reference)
        if found is None and self._policy != "never":
            self._pull(image, reference, unwanted)
            found = self._local(reference)
        if found is None:
            raise AlgorithmUnavailable(f"The image {reference} is not on this server's machine.")
        return found

    def _with_id(self, checksum: str) -> LocalImage | None:
        found = self._local(checksum) if checksum else None
        return found if found is not None and found.id == checksum else None

    def _local(self, reference: str) -> LocalImage | None:
        try:
            with self._daemon.asked() as api:
                return LocalImage.of(api.inspect_image(reference))
        except NotFound:
            return None

    def _pull(self, image: Image, reference: str, unwanted: Callable[[], bool]) -> None:
        registry, _ = resolve_repository_name(image.name)
        if self._registries and registry not in self._registries:
            raise AlgorithmUnavailable(
                f"The image {reference} is not on this server's machine, and its operator does"
                " not let it be pulled from that registry."
            )
        said = self._pulled(image, unwanted)
        if said:
            logger.warning("the image %s could not be pulled: %s", reference, said)
            raise AlgorithmUnavailable(f"The image {reference} {_why(said.lower())}")

    def _pulled(self, image: Image, unwanted: Callable[[], bool]) -> str:
        """Pull; "" or what the daemon said against it."""
        try:
            with self._daemon.asked() as api:
                api.reload_config()  # credentials may have been renewed
                tag = image.checksum or image.tag
                for line in api.pull(image.name, tag=tag, stream=True, decode=True):
                    if "error" in line or unwanted():
                        return str(line.get("error", "it is no longer wanted"))
        except (NotFound, Refused) as refused:
            return str(refused)
        return ""


def checked(image: Image) -> str:
    """The image's full name, or AlgorithmUnavailable where it is none that Docker knows."""
    wrong = not NAME.fullmatch(image.name)
    if image.checksum:
        wrong = wrong or not CHECKSUM.fullmatch(image.checksum)
    else:
        wrong = wrong or not TAG.fullmatch(image.tag)
    if wrong:
        raise AlgorithmUnavailable("The algorithm's container does not name an image.")
    return f"{image.name}@{image.checksum}" if image.checksum else f"{image.name}:{image.tag}"


def _why(said: str) -> str:
    if any(word in said for word in DENIED):
        return "is not known to its registry, or not open to this server."
    if any(word in said for word in UNKNOWN):
        return "is not known to its registry."
    return "could not be pulled from its registry. Try again later."
