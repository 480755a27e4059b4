"""Other ways to write the same request. None of them changes what it means."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from hypothesis import strategies as some
from hypothesis.strategies import SearchStrategy

from compute_conformance.exchanges import Request

Coin = Callable[[], bool]
TYPES: Final = (
    "application/json",
    "application/json; charset=utf-8",
    "application/json;charset=UTF-8",
    "Application/JSON",
)
BLANKS: Final = ("", " ", "\n", "\t", "\r\n  ")


@dataclass(frozen=True)
class Hand:
    """Someone's manner of writing: what it does each time is drawn from `coins`, in turn."""

    order: int = 0
    coins: tuple[bool, ...] = ()
    blank: str = ""
    media: str = TYPES[0]
    further: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        told = [f"order {self.order}"] * bool(self.order)
        told += ["escaped characters"] * any(self.coins)
        told += [f"blanks {self.blank!r}"] * bool(self.blank)
        told += [f"Content-Type {self.media}"] * (self.media != TYPES[0])
        told += [f"further members {dict(self.further)!r}"] * bool(self.further)
        return f"a request written with {', '.join(told) or 'nothing unusual'}"

    def body(self, request: Request) -> Request:
        """The request, its JSON written so."""
        text = _written({**request.json, **dict(self.further)}, self, self._coin())
        headers = {**request.headers, "Content-Type": self.media}
        return Request(request.method, request.path, body=text.encode(), headers=headers)

    def query(self, request: Request) -> Request:
        """The request, its query string written so."""
        told, coin = {**request.query, **dict(self.further)}, self._coin()
        pairs = [f"{_encoded(name, coin)}={_encoded(told[name], coin)}" for name in self.keys(told)]
        return Request(
            request.method, f"{request.path}?{'&'.join(pairs)}", headers=dict(request.headers)
        )

    def keys(self, told: Mapping[str, Any]) -> list[str]:
        """Its names in this hand's order."""
        names = list(told)
        at = self.order % max(1, len(names))
        turned = names[at:] + names[:at]
        return turned[::-1] if self.order % 2 else turned

    def _coin(self) -> Coin:
        thrown = iter(self.coins * 50)
        return lambda: next(thrown, False)


def hands(*, further: bool = False) -> SearchStrategy[Hand]:
    """Any manner of writing; `further` adds members that nobody knows."""
    names = some.text("abcXYZ_-.09", max_size=12).map(lambda text: f"x{text}q")
    values = some.one_of(
        some.none(), some.booleans(), some.integers(), some.text("aé<&\0", max_size=3)
    )
    more = some.lists(some.tuples(names, values), min_size=1, max_size=3).map(tuple)
    return some.builds(
        Hand,
        order=some.integers(0, 40),
        coins=some.lists(some.booleans(), max_size=30).map(tuple),
        blank=some.sampled_from(BLANKS),
        media=some.sampled_from(TYPES),
        further=more if further else some.just(()),
    )


def _written(value: Any, hand: Hand, coin: Coin) -> str:
    blank = hand.blank
    if isinstance(value, dict):
        members = (
            f"{_text(name, coin)}{blank}:{blank}{_written(value[name], hand, coin)}"
            for name in hand.keys(value)
        )
        return f"{{{blank}{f'{blank},{blank}'.join(members)}{blank}}}"
    if isinstance(value, list):
        return f"[{blank}{f'{blank},'.join(_written(one, hand, coin) for one in value)}{blank}]"
    return _text(value, coin) if isinstance(value, str) else json.dumps(value)


def _text(text: str, coin: Coin) -> str:
    """A text of JSON, some of its characters escaped."""
    plain = (json.dumps(one, ensure_ascii=False)[1:-1] for one in text)
    return (
        '"'
        + "".join(_escaped(one) if coin() else own for one, own in zip(text, plain, strict=True))
        + '"'
    )


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _encoded(value: Any, coin: Coin) -> str:
    """A text for a query string, some of its characters encoded without need."""
    text = "" if value is None else str(value)
    return "".join(_percent(one) if coin() else quote(one, safe="") for one in text)


def _percent(character: str) -> str:
    return "".join(f"%{byte:02x}" for byte in character.encode())
