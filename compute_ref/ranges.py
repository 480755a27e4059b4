"""What settings may be, beyond their types: ranges, shapes, and what must fit together."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from compute_ref.identity.addresses import PATTERN as ADDRESS
from compute_ref.settings import Catalogue, Environment, Settings

ENVIRONMENT_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
LONGEST_GRACE: Final = 20  # seconds: clients wait 30 for the answer to a stop
GREATEST_INTEGER: Final = 2**53 - 1  # what every JSON reader keeps exact


class Rule(NamedTuple):
    """One demand on a value, and how to meet it."""

    holds: Callable[[Any], bool]
    mend: str


def at_least(least: float) -> Rule:
    """Numbers from `least` on."""
    return Rule(lambda number: number >= least, f"must be at least {least}")


def between(least: float, most: float, why: str = "") -> Rule:
    """Numbers from `least` to `most`, both included."""
    return Rule(lambda number: least <= number <= most, f"must be {least} to {most}{why}")


ABOVE_ZERO: Final = Rule(lambda number: number > 0, "must be greater than 0")


def sound_url(text: str) -> bool:
    """Whether `text` is empty or a base URL that clients could use."""
    try:
        parts = urlsplit(text)
        reachable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return False
    return not text or bool(
        reachable and text.isprintable() and not set(text) & set(" ?#@") and text.isascii()
    )


def sound_origin(text: str) -> bool:
    """Whether `text` is ``*`` or an origin as browsers send it."""
    return text == "*" or (text != "" and sound_url(text) and urlsplit(text).path == "")


def sound_ip(text: str) -> bool:
    """Whether `text` is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def sound_address(text: str) -> bool:
    """Whether `text` is an Ethereum address or empty."""
    return not text or bool(ADDRESS.fullmatch(text))


def no_file(path: Path) -> bool:
    """Whether `path` is a folder or could become one."""
    return path.is_dir() or not path.exists()


def sound_catalogue(path: Path) -> bool:
    """Whether `path` is a folder, or the default, which may be left out for want of data."""
    return path.is_dir() or path == Catalogue().path


RULES: Final = {
    "server.host": Rule(lambda host: host.strip() == host != "", "must be an address or a name"),
    "server.port": between(0, 65_535, "; 0 picks a free one"),
    "server.threads": at_least(2),
    "server.connection_limit": at_least(10),
    "server.data_dir": Rule(no_file, "is a file; name a folder"),
    "server.host_data_dir": Rule(
        lambda path: path is None or path.is_absolute(), "must be an absolute path"
    ),
    "server.public_url": Rule(
        sound_url, "must be like https://compute.example.org, without query, or empty"
    ),
    "server.max_body": at_least(4_096),
    "server.cors_origins": Rule(
        lambda origins: all(map(sound_origin, origins)),
        'must be origins like "https://example.org", or "*"',
    ),
    "server.trusted_proxies": Rule(
        lambda proxies: all(map(sound_ip, proxies)), 'must be IP addresses like "10.0.0.1"'
    ),
    "chains.ids": Rule(
        lambda ids: ids and min(ids) > 0 and len(set(ids)) == len(ids),
        "must be at least one chain id, each above 0 and named once",
    ),
    "catalogue.path": Rule(sound_catalogue, "must be a folder that is there; make it first"),
    "identity.max_token_lifetime": at_least(1),
    "fetching.max_bytes": at_least(1),
    "fetching.timeout": ABOVE_ZERO,
    "deadlines.provisioning": ABOVE_ZERO,
    "deadlines.launch": ABOVE_ZERO,
    "deadlines.backend_call": ABOVE_ZERO,
    "deadlines.plugin_call": ABOVE_ZERO,
    "deadlines.stop_grace": between(0, LONGEST_GRACE, " seconds"),
    "deadlines.collecting": ABOVE_ZERO,
    "deadlines.filtering": ABOVE_ZERO,
    "deadlines.publishing": ABOVE_ZERO,
    "deadlines.watchdog": ABOVE_ZERO,
}

ENVIRONMENT_RULES: Final = {
    "id": Rule(
        lambda text: bool(ENVIRONMENT_ID.fullmatch(text)),
        "must be 1 to 64 letters, digits, dots, dashes, _",
    ),
    "backend": Rule(bool, "must name a backend"),
    "cpuNumber": ABOVE_ZERO,
    "ramGB": ABOVE_ZERO,
    "diskGB": ABOVE_ZERO,
    "processes": at_least(1),
    "logMB": ABOVE_ZERO,
    "maxOutputFiles": at_least(1),
    "maxJobs": at_least(1),
    "maxJobDuration": ABOVE_ZERO,
    "consumerAddress": Rule(
        sound_address, "must be an Ethereum address, or empty for the provider's own"
    ),
    "feeToken": Rule(sound_address, "must be an Ethereum address"),
}


def complaints(settings: Settings) -> Iterator[tuple[str, str]]:
    """Dotted key and mend of everything in `settings` that cannot be."""
    for section in fields(settings):
        content = getattr(settings, section.name)
        if is_dataclass(content):
            yield from _broken(content, section.name, f"{section.name}.", RULES)
    for place, one in enumerate(settings.environments):
        yield from _broken(one, "", f"environments[{place}].", ENVIRONMENT_RULES)
    yield from _misfits(settings)


def _broken(
    content: Any, section: str, shown: str, rules: dict[str, Rule]
) -> Iterator[tuple[str, str]]:
    for field in fields(content):
        value = getattr(content, field.name)
        rule = rules.get(f"{section}.{field.name}" if section else field.name)
        if isinstance(value, int | float) and not _plain(value):
            yield shown + field.name, f"must be a number from 0 to 2^53, but is {value}"
        elif rule is not None and not rule.holds(value):
            yield shown + field.name, f"{rule.mend}, but is {_written(value)}"


def _plain(number: float) -> bool:
    return math.isfinite(number) and 0 <= number <= GREATEST_INTEGER


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return str(list(value))
    return repr(str(value)) if isinstance(value, str | Path) else str(value)


def _misfits(settings: Settings) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for place, one in enumerate(settings.environments):
        if one.id in seen:
            yield f"environments[{place}].id", f'another environment is called "{one.id}" already'
        seen.add(one.id)
        yield from _chain_misfits(f"environments[{place}].chains", one, settings.chains.ids)
    if settings.server.connection_limit < settings.server.threads:
        yield "server.connection_limit", "must not be below server.threads"


def _chain_misfits(
    key: str, environment: Environment, served: tuple[int, ...]
) -> Iterator[tuple[str, str]]:
    for chain in environment.chains:
        if chain not in served:
            yield key, f"chain {chain} is not in chains.ids; add it there or leave it out here"
