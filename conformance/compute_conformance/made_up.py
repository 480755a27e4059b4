"""Values that are made up: the ones that servers trip over, and others."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as some
from hypothesis.strategies import SearchStrategy

NUL: Final = chr(0)
HALF: Final = chr(0xD800)  # of a surrogate pair
LETTERS: Final = f"aZ09 .,:;-_+/\\'\"%$#&=?<>(){{}}[]\n{NUL}é\u0663\u202e\ufeff\U0001f600"
ODD: Final = (
    "",
    " ",
    NUL,
    f"a{NUL}b",
    "None",
    "null",
    "true",
    "NaN",
    "../../etc/passwd",
    "%s%n",
    "{0.__class__}",
    "' OR 1=1 --",
    "$(id)",
    "did:op:",
    "0x",
    "\u0663",
    "\U0001f600",
    "x" * 5_000,
)
NUMBERS: Final = (0, -1, 1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**30, 0.5, -0.0, 1e308)
SPACES: Final = ("", " ", "\n", "\t", "\u00a0", "+", "-", "0", "00", "0x", "_")


def texts(letters: str = LETTERS, **size: Any) -> SearchStrategy[str]:
    """Texts of these characters, and known troublemakers."""
    size.setdefault("max_size", 12)
    return some.one_of(some.text(letters, **size), some.sampled_from(ODD))


def values() -> SearchStrategy[Any]:
    """Values of JSON, in one another too, and halves of characters."""
    plain = some.one_of(
        some.none(),
        some.booleans(),
        some.sampled_from(NUMBERS),
        some.integers(-(10**6), 10**6),
        texts(),
        some.just(f"a{HALF}"),
    )
    return some.recursive(
        plain,
        lambda inner: some.one_of(
            some.lists(inner, max_size=3), some.dictionaries(some.text("abé$.", max_size=3), inner)
        ),
        max_leaves=6,
    )


def nested() -> SearchStrategy[Any]:
    """Lists in lists, some hundred deep."""
    return some.integers(2, 400).map(_deep)


def _deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


def cases(text: str) -> SearchStrategy[str]:
    """The text in any letter case."""
    coins = some.lists(some.booleans(), min_size=len(text), max_size=len(text))
    return coins.map(
        lambda up: "".join(c.upper() if u else c.lower() for c, u in zip(text, up, strict=True))
    )


def changed(text: str, letters: str) -> SearchStrategy[str]:
    """The text with one character in the place of another."""
    places = some.tuples(some.integers(0, len(text) - 1), some.sampled_from(letters))
    return places.map(lambda one: text[: one[0]] + one[1] + text[one[0] + 1 :]).filter(
        lambda found: found != text
    )
