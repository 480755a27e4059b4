"""The configuration's ``[backends.docker]`` table."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

POLICIES: Final = ("missing", "always", "never")
NETWORK: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
SHARED: Final = ("host", "none")  # no network of the container's own
HIGHEST_UID: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator may choose.

    `host` is the daemon's address ("": as the docker command finds it); `pull` is when images
    are pulled, `registries` from where (empty: from anywhere); `user` is the number that
    algorithms run as, where the server is root; `network` is joined by runs that may use one;
    `runtime` is the OCI runtime ("": the daemon's own); `tmp_size` is in bytes, of /tmp and of
    /dev/shm each.
    """

    host: str = ""
    pull: str = "missing"
    registries: tuple[str, ...] = ()
    user: int = 65_000
    network: str = "bridge"
    runtime: str = ""
    tmp_size: int = 64 * 2**20

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> Options:
        """The options, or ValueError with key and mend."""
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(table) - set(known))
        if unknown:
            raise ValueError(f"{unknown[0]}: no such key; there are {', '.join(known)}")
        registries = table.get("registries", [])
        if not isinstance(registries, list | tuple) or not all(map(_is_name, registries)):
            raise ValueError('registries: must be a list of hosts, like ["docker.io"]')
        options = cls(**{**table, "registries": tuple(registries)})
        _check(options)
        if "user" in table and os.geteuid() != 0:
            raise ValueError("user: only a server that is root can choose; leave it out")
        return options


def _check(options: Options) -> None:
    if not isinstance(options.host, str):
        raise ValueError('host: must be an address, like "unix:///run/docker.sock"')
    if options.pull not in POLICIES:
        raise ValueError(f"pull: must be one of {', '.join(POLICIES)}")
    if not _is_between(options.user, 1, HIGHEST_UID):
        raise ValueError("user: must be a user's number from 1 on; root is not for algorithms")
    if not _is_network(options.network):
        raise ValueError("network: must be the name of a network of the daemon, but not host")
    if not isinstance(options.runtime, str):
        raise ValueError('runtime: must be the name of a runtime of the daemon, like "runsc"')
    if not _is_between(options.tmp_size, 2**16, 2**53):
        raise ValueError("tmp_size: must be a number of bytes from 65536 on")


def _is_between(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_network(value: Any) -> bool:
    return isinstance(value, str) and bool(NETWORK.fullmatch(value)) and value not in SHARED


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != ""
