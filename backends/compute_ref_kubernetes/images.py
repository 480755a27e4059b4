"""What an image is called, and from where it may come; nodes pull it by themselves."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from compute_ref.plugins import AlgorithmUnavailable, Image

WORD: Final = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
NAME: Final = re.compile(rf"(?:[a-zA-Z0-9][a-zA-Z0-9.-]*(?::[0-9]+)?/)?{WORD}(?:/{WORD})*")
TAG: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}")
CHECKSUM: Final = re.compile(r"sha256:[0-9a-f]{64}")
USUAL: Final = "docker.io"
NO_IMAGE: Final = "The algorithm's container does not name an image."


def reference(image: Image | None, registries: Collection[str]) -> str:
    """The image's full name, or AlgorithmUnavailable where it is none or not to be used.

    `registries` are all that it may come from; empty is any.
    """
    if image is None or not _is_named(image):
        raise AlgorithmUnavailable(NO_IMAGE)
    full = f"{image.name}@{image.checksum}" if image.checksum else f"{image.name}:{image.tag}"
    if registries and _registry(image.name) not in registries:
        raise AlgorithmUnavailable(
            f"The image {full} is in a registry from which this server's operator lets none be"
            " pulled."
        )
    return full


def _is_named(image: Image) -> bool:
    version = CHECKSUM.fullmatch(image.checksum) if image.checksum else TAG.fullmatch(image.tag)
    return NAME.fullmatch(image.name) is not None and version is not None


def _registry(name: str) -> str:
    """The first part of a name where that is a host."""
    first, slash, _ = name.partition("/")
    is_host = slash and (first == "localhost" or "." in first or ":" in first)
    return first if is_host else USUAL
