"""What mutmut noted of the mutants that it tried."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

from tests.mutation.survivors import Mutant

FOUND: Final = frozenset({"killed", "timeout", "segfault"})
UNTRIED: Final = frozenset({"not checked", "check was interrupted by user"})
MANGLED: Final = re.compile(r"x(?:_|ǁ(?P<owner>\w+?)ǁ)(?P<name>\w+)__mutmut_\d+")


def tried(folder: Path) -> Iterator[Mutant]:
    """The mutants of a run whose files are in `folder`."""
    for notes in sorted(folder.rglob("*.py.meta")):
        source = notes.relative_to(folder).with_suffix("")
        for name, code in json.loads(notes.read_text(encoding="utf-8"))["exit_code_by_key"].items():
            status = status_by_exit_code[code]
            if status not in UNTRIED:
                yield Mutant(_described(name, source), status in FOUND)


def _described(name: str, source: Path) -> str:
    """A mutant by the lines that it changes, as the numbers of mutmut move."""
    lines = get_diff_for_mutant(name, path=source).splitlines()[2:]
    changed = [f"{line[0]} {line[1:].strip()}" for line in lines if line[:1] in "+-"]
    return f"{_function(name)}: {' '.join(changed)}"


def _function(name: str) -> str:
    module, _, mangled = name.rpartition(".")
    found = MANGLED.fullmatch(mangled)
    assert found is not None, name
    owner = f"{found['owner']}." if found["owner"] else ""
    return f"{module}.{owner}{found['name']}"
