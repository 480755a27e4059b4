"""The configuration's ``[backends.kubernetes]`` table."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Any, Final

LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
NAME: Final = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator may choose.

    `claim` is the PersistentVolumeClaim in which the data folder is, at `claim_path`; without
    one, the node's own folder ``host_data_dir`` is mounted. `user` is the number that algorithms
    run as, where the server is root; `tmp_size` is in bytes; `registries` are hosts that images
    may come from, empty for any. `pending_timeout` (seconds) bounds
    the time until an algorithm begins, `finished_ttl` (seconds) the time for which the cluster
    keeps what no server removed.
    """

    namespace: str = "compute-ref"
    context: str = ""
    claim: str = ""
    claim_path: str = ""
    user: int = 65_000
    tmp_size: int = 64 * 2**20
    registries: tuple[str, ...] = ()
    pending_timeout: int = 240
    finished_ttl: int = 604_800
    gpu_resource: str = "nvidia.com/gpu"
    runtime_class: str = ""
    priority_class: str = ""
    image_pull_secrets: tuple[str, ...] = ()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> Options:
        """The options, or ValueError with key and mend."""
        known = [each.name for each in fields(cls)]
        for key, value in table.items():
            if key not in known:
                raise ValueError(f"{key}: no such key; {_nearest(key, known)}")
            fits, mend = RULES[key]
            if not fits(value):
                raise ValueError(f"{key}: must be {mend}")
        if "user" in table and os.geteuid() != 0:
            raise ValueError("user: only a server that is root can choose; leave it out")
        lists = {key: tuple(value) for key, value in table.items() if isinstance(value, list)}
        return cls(**{**table, **lists})


def _nearest(key: str, known: list[str]) -> str:
    close = get_close_matches(key, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else "there are: " + ", ".join(known)


def _whole(least: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and least <= value < 2**31


def _matching(shape: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and shape.fullmatch(value) is not None


def _or_none(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value == "" or fits(value)


def _listed(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def _is_below(value: Any) -> bool:
    """Whether a text leads from one folder to another below it."""
    if not isinstance(value, str):
        return False
    path = PurePosixPath(value)
    return not path.is_absolute() and ".." not in path.parts


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


_name: Final = _matching(NAME)
#: key: what its value must be, as a test and in words
RULES: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "namespace": (_matching(LABEL), 'the name of a namespace, such as "compute-ref"'),
    "context": (lambda value: isinstance(value, str), "the name of a context of the kubeconfig"),
    "claim": (_or_none(_name), 'the name of a PersistentVolumeClaim, or ""'),
    "claim_path": (_is_below, 'a path within the claim, such as "compute-ref", without ..'),
    "user": (_whole(1), "a user's number from 1 on; root is not for algorithms"),
    "tmp_size": (_whole(2**16), "a number of bytes from 65536 on"),
    "registries": (_listed(lambda value: isinstance(value, str)), 'a list, like ["docker.io"]'),
    "pending_timeout": (_whole(1), "seconds, at least 1"),
    "finished_ttl": (_whole(60), "seconds, at least 60"),
    "gpu_resource": (lambda value: isinstance(value, str) and "/" in value, "such as vendor/gpu"),
    "runtime_class": (_or_none(_name), 'the name of a RuntimeClass, or ""'),
    "priority_class": (_or_none(_name), 'the name of a PriorityClass, or ""'),
    "image_pull_secrets": (_listed(_name), "a list of names of Secrets"),
    "node_selector": (_is_texts, 'a table of labels, such as { disktype = "ssd" }'),
    "tolerations": (_listed(lambda value: isinstance(value, dict)), "a list of tables"),
}
