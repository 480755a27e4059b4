"""A fake: the objects of a cluster in memory, each change of them numbered and remembered."""

from __future__ import annotations

import copy
import itertools
import secrets
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

Object = dict[str, Any]


class Change(NamedTuple):
    version: int
    what: str
    resource: str
    shown: Object


class Gone(Exception):
    """The version from which somebody wants to go on is forgotten."""


class Exists(Exception):
    """There is such an object."""


class Store:
    """Objects by resource, namespace and name. `listeners` hear of each change, in order."""

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.listeners: list[Callable[[Change], None]] = []
        self._changes: list[Change] = []
        self._numbers = itertools.count(1)
        self._version = 0
        self._oldest = 0

    def create(self, resource: str, namespace: str, new: Object) -> Object:
        shown = copy.deepcopy(new)
        meta = shown.setdefault("metadata", {})
        if "generateName" in meta and "name" not in meta:
            meta["name"] = meta["generateName"] + secrets.token_hex(3)[:5]
        with self.changed:
            key = (resource, namespace, meta["name"])
            if key in self.objects:
                raise Exists
            meta |= {"namespace": namespace, "uid": secrets.token_hex(8)}
            meta["creationTimestamp"] = stamp()
            return self._put(key, "ADDED", shown)

    def get(self, resource: str, namespace: str, name: str) -> Object | None:
        with self.changed:
            return copy.deepcopy(self.objects.get((resource, namespace, name)))

    def list(self, resource: str, namespace: str, selector: str = "") -> tuple[list[Object], str]:
        with self.changed:
            found = [
                copy.deepcopy(shown)
                for (kind, place, _), shown in self.objects.items()
                if kind == resource and place == namespace and matches(shown, selector)
            ]
            return found, str(self._version)

    def change(
        self, resource: str, namespace: str, name: str, how: Callable[[Object], None]
    ) -> Object | None:
        """Change an object if it is there."""
        with self.changed:
            key = (resource, namespace, name)
            if key not in self.objects:
                return None
            shown = copy.deepcopy(self.objects[key])
            how(shown)
            if shown == self.objects[key]:
                return shown
            return self._put(key, "MODIFIED", shown)

    def remove(self, resource: str, namespace: str, name: str) -> None:
        with self.changed:
            shown = self.objects.pop((resource, namespace, name), None)
            if shown is not None:
                self._tell("DELETED", resource, shown)

    def compact(self) -> None:
        """Forget what happened until now, as a cluster does after some minutes."""
        with self.changed:
            self._version = next(self._numbers)
            self._oldest = self._version
            self._changes.clear()

    def since(self, version: int, seconds: float, stop: threading.Event) -> Iterator[Change]:
        """What happens after `version`, for some seconds; raises Gone."""
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        while True:
            with self.changed:
                if version < self._oldest:
                    raise Gone
                news = [change for change in self._changes if change.version > version]
                left = (until - datetime.now(UTC)).total_seconds()
                if not news and (left <= 0 or stop.is_set()):
                    return
                if not news:
                    self.changed.wait(min(left, 60))
                    continue
            for change in news:
                yield change
                version = change.version

    def _put(self, key: tuple[str, str, str], what: str, shown: Object) -> Object:
        self.objects[key] = shown
        self._tell(what, key[0], shown)
        return copy.deepcopy(shown)

    def _tell(self, what: str, resource: str, shown: Object) -> None:
        self._version = next(self._numbers)
        shown["metadata"]["resourceVersion"] = str(self._version)
        change = Change(self._version, what, resource, copy.deepcopy(shown))
        self._changes.append(change)
        self.changed.notify_all()
        for listener in self.listeners:
            listener(change)


def matches(shown: Object, selector: str) -> bool:
    labels = shown["metadata"].get("labels", {})
    wanted = [term.split("=", 1) for term in selector.split(",") if term]
    return all(labels.get(key) == value for key, value in wanted)


def stamp(moment: datetime | None = None) -> str:
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
