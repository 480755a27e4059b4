"""Which tests each mutant meets: those of its own module, then the quickest that reach it.

mutmut notes how long each test takes and which functions it reaches, and lets a mutant meet all of
those: for a function that everything calls, minutes. So the note is cut down to a few seconds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

SECONDS: Final = 3.0  # of tests for each mutant that none of them finds


def narrow(notes: Path) -> None:
    """Keep in mutmut's notes, for each function, the tests that its mutants shall meet."""
    known = json.loads(notes.read_text(encoding="utf-8"))
    lasting: dict[str, float] = known["duration_by_test"]
    reaching: dict[str, list[str]] = known["tests_by_mangled_function_name"]
    known["tests_by_mangled_function_name"] = {
        function: chosen(function, tests, lasting) for function, tests in reaching.items()
    }
    notes.write_text(json.dumps(known), encoding="utf-8")


def chosen(function: str, tests: list[str], lasting: dict[str, float]) -> list[str]:
    """Those of `tests` for which there is time, one at least."""
    spent = 0.0
    few: list[str] = []
    for test in sorted(tests, key=lambda test: (not _own(function, test), lasting[test], test)):
        spent += lasting[test]
        if few and spent > SECONDS:
            break
        few.append(test)
    return few


def _own(function: str, test: str) -> bool:
    """Whether a test is in the module that mirrors the function's."""
    module = function.split(".")[-2]
    return f"/test_{module}" in test
