"""What the cluster's JSON says of a pod and of a Job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from compute_ref_kubernetes.labels import ALGORITHM, GUARD

Object = Mapping[str, Any]
FINAL: Final = ("Succeeded", "Failed")
FORGOTTEN: Final = "ContainerStatusUnknown"


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as the cluster showed it last; `gone` where it does not show it any more."""

    shown: Object
    gone: bool = False

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.shown["metadata"]["name"])

    @property
    def created(self) -> tuple[str, str]:
        """By what pods are ordered, the oldest first."""
        return str(self.shown["metadata"].get("creationTimestamp", "")), self.name

    @property
    def deleted(self) -> datetime | None:
        """When it was, or is to be, gone; None where nobody wants that."""
        return moment(self.shown["metadata"].get("deletionTimestamp"))

    @property
    def node(self) -> str:
        """Where it runs, "" before it has a place."""
        return str(self.shown["spec"].get("nodeName") or "")

    @property
    def phase(self) -> str:
        """Pending, Running, Succeeded, Failed or Unknown."""
        return str(self._status.get("phase", ""))

    @property
    def reason(self) -> str:
        """One word for why it is in its phase."""
        return str(self._status.get("reason") or "")

    @property
    def message(self) -> str:
        """A sentence for why it is in its phase."""
        return str(self._status.get("message") or "")

    @property
    def algorithm(self) -> Object:
        """The state of the algorithm's container."""
        return self._state("containerStatuses", ALGORITHM)

    @property
    def guard(self) -> Object:
        """The state of the container before it, that lets an algorithm begin once only."""
        return self._state("initContainerStatuses", GUARD)

    @property
    def started_at(self) -> datetime | None:
        """When the algorithm began."""
        state = self.algorithm.get("running") or self._last or {}
        return moment(state.get("startedAt"))

    @property
    def began(self) -> bool:
        """Whether the algorithm was begun here."""
        return "running" in self.algorithm or self._last is not None

    @property
    def ended(self) -> Object | None:
        """How the algorithm's container ended, where its node knows."""
        return None if self.forgotten else self._last

    @property
    def forgotten(self) -> bool:
        """Whether its node says that it ended, but found the container gone already."""
        return self._last is not None and self._last.get("reason") == FORGOTTEN

    @property
    def over(self) -> bool:
        """Whether nothing of it is alive, as far as the cluster knows."""
        return self.gone or (self.phase in FINAL and "running" not in self.algorithm)

    @property
    def going(self) -> bool:
        """Whether it was deleted, its processes have ended, and its node is about to let it go."""
        return self.over and not self.gone and self.deleted is not None

    def condition(self, kind: str) -> Object | None:
        """One of its conditions."""
        return condition(self.shown, kind)

    @property
    def _status(self) -> Object:
        found: Object = self.shown.get("status") or {}
        return found

    @property
    def _last(self) -> Object | None:
        """The end of the algorithm's container; of one that is gone older nodes tell it apart."""
        found: Object | None = self.algorithm.get("terminated")
        earlier = self._state("containerStatuses", ALGORITHM, "lastState")
        return found or earlier.get("terminated")

    def _state(self, kind: str, name: str, which: str = "state") -> Object:
        for status in self._status.get(kind) or ():
            if status["name"] == name:
                found: Object = status.get(which) or {}
                return found
        return {}


def condition(found: Object, kind: str) -> Object | None:
    """One condition of an object."""
    for one in (found.get("status") or {}).get("conditions") or ():
        if one["type"] == kind:
            known: Object = one
            return known
    return None


def holds(found: Object, kind: str) -> Object | None:
    """One condition of an object, where it is true."""
    one = condition(found, kind)
    return one if one is not None and one["status"] == "True" else None


def moment(text: str | None) -> datetime | None:
    """A time of the cluster's."""
    return datetime.fromisoformat(text) if text else None
