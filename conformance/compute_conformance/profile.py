"""What the suite cannot know of a target: its owner says it in a TOML file.

Roles name what a dataset or an algorithm is for: ``open`` is the dataset, and ``plain`` the
algorithm, of all ordinary jobs; README has the list. What needs a role that is not named is
left out and said to be.
"""

from __future__ import annotations

import re
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, TypeVar

from compute_conformance.scripts import Step
from compute_conformance.signing import Account
from compute_conformance.supplies import Supply
from compute_conformance.verdicts import Disabled

MAKE: Final = "make"
KEY: Final = re.compile("0x[0-9a-fA-F]{64}")
T = TypeVar("T")


class ProfileInvalid(ValueError):
    """A profile that cannot be used; the text names key and mend."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that the target's owner allows for each wait."""

    request: float = 10
    start: float = 30  #: from an accepted start to the algorithm's running
    finish: float = 120  #: from an accepted start of an algorithm that ends at once to its end
    stop: float = 30


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may cost the target's owner; None: what its effort takes (chance.DOSES)."""

    jobs: int | None = None
    seconds: float | None = None
    bytes: int = 256 * 2**20
    requests_per_second: float = 0  #: 0 for no bound


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything about a target; all of it has a usual value."""

    url: str = ""
    chain: int = 8996
    environment: str = ""  #: "" for the first one that the target names
    capabilities: tuple[str, ...] = ()  #: those claimed; () for all
    access: int = 0  #: the most that is granted
    read_only: bool = False
    orders: Mapping[str, Supply] = field(default_factory=dict)  #: by role; others are made up
    keys: Supply | None = None  #: of accounts that the target never saw; None: they are made
    datasets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    algorithms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)  #: of scripts.Step, by action
    limits: Limits = Limits()
    budget: Budget = Budget()

    def dataset(self, role: str) -> dict[str, Any]:
        """What a start says of the dataset in this role; Disabled where there is none."""
        return self._asset("datasets", role)

    def algorithm(self, role: str) -> dict[str, Any]:
        """What a start says of the algorithm in this role; Disabled where there is none."""
        return self._asset("algorithms", role)

    def script(self, *steps: Step) -> dict[str, Any]:
        """A raw algorithm that does all the steps; Disabled where the profile cannot say one."""
        algorithm = self.algorithm("raw")
        code = "\n".join(step.code(self._code(step.action)) for step in steps)
        return {**algorithm, "meta": {**algorithm["meta"], "rawcode": code}}

    def _code(self, action: str) -> str:
        if action not in self.code:
            raise Disabled(f"an algorithm that can {action}", "the profile has no [code] for it")
        return self.code[action]

    def order(self, role: str) -> str:
        """A transfer for the asset in this role that was not used yet."""
        supply = self.orders.get(role)
        return supply.take() if supply else "0x" + secrets.token_hex(32)

    def account(self) -> Account | None:
        """The next one of the owner's, whom the target never saw; None where they grant none."""
        return Account(bytes.fromhex(self.keys.take()[2:])) if self.keys else None

    def _asset(self, table: str, role: str) -> dict[str, Any]:
        found: Mapping[str, Any] | None = getattr(self, table).get(role)
        if found is None:
            raise Disabled(f"the {role} one of {table}", "the profile names none")
        if "documentId" in found and "transferTxId" not in found:
            return {**found, "transferTxId": self.order(role)}
        return dict(found)


def load(path: Path) -> Profile:
    """The profile of a file, or ProfileInvalid."""
    try:
        return from_document(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProfileInvalid(f"{path}: {error}") from error
    except ProfileInvalid as error:
        raise ProfileInvalid(f"{path}: {error}") from error


def from_document(document: Mapping[str, Any]) -> Profile:
    """The profile of a TOML document, or ProfileInvalid."""
    given = dict(document)
    for name, kind in (("limits", Limits), ("budget", Budget)):
        given[name] = _table(kind, given.get(name, {}), f"{name}.")
    given["capabilities"] = tuple(given.get("capabilities", ()))
    given["orders"] = _orders(given.get("orders", MAKE))
    given["keys"] = _keys(given.get("keys", MAKE))
    return _table(Profile, given, "")


def told(profile: Profile) -> dict[str, Any]:
    """The document that makes such a profile, without the owner's keys and orders."""
    kept = [one.name for one in fields(Profile) if one.name not in {"orders", "keys"}]
    found = {name: getattr(profile, name) for name in kept}
    for name in ("limits", "budget"):
        found[name] = {key: one for key, one in asdict(found[name]).items() if one is not None}
    return {**found, "capabilities": list(profile.capabilities)}


def _orders(told: Any) -> dict[str, Supply]:
    if told == MAKE:
        return {}
    if not isinstance(told, Mapping) or not all(isinstance(one, list) for one in told.values()):
        raise ProfileInvalid('orders: must be "make", or a list of transfers for each role')
    return {role: Supply(f"orders.{role}", things) for role, things in told.items()}


def _keys(told: Any) -> Supply | None:
    if told == MAKE:
        return None
    if not isinstance(told, list) or not all(KEY.fullmatch(str(one)) for one in told):
        raise ProfileInvalid(
            'keys: must be "make", or a list of private keys, 0x and 64 hex digits'
        )
    return Supply("keys", told)


def _table(kind: type[T], given: Mapping[str, Any], where: str) -> T:
    known = [one.name for one in fields(kind)]  # type: ignore[arg-type]
    for key in given:
        if key not in known:
            raise ProfileInvalid(f"{where}{key}: no such key; there are {', '.join(known)}")
    return kind(**given)
