"""Mutate, test, and judge what survived: ``tox -e mutants``, or ``-- identity`` for a part."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.mutation.notes import tried
from tests.mutation.selection import narrow
from tests.mutation.survivors import complaints, reasons

MUTANTS: Final = Path("mutants")  # mutmut's folder, below the current one
BUBBLE: Final = (
    *("bwrap", "--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
    *("--tmpfs", "/tmp", "--ro-bind", sys.prefix, sys.prefix),
)
FIRST: Final = "compute_ref.identity.nonces.*"  # some, for which mutmut learns what tests reach


def main(parts: list[str]) -> int:
    """Try the mutants of `parts`, such as ``jobs.store``, or all; 1 where something is wrong."""
    shutil.rmtree(MUTANTS, ignore_errors=True)
    _mutmut("run", FIRST)
    narrow(MUTANTS / "mutmut-stats.json")
    _mutmut("run", *(f"compute_ref.{part}.*" for part in parts))
    mutants = list(tried(MUTANTS))
    wrong = complaints(mutants, reasons())
    print(f"{sum(mutant.found for mutant in mutants)} of {len(mutants)} mutants were found")
    print("\n".join(wrong))
    return 1 if wrong else 0


def _mutmut(*words: str) -> None:
    """Where a mutant writes to nothing but this folder: some remove whatever they are told to."""
    here = Path.cwd()
    subprocess.run([*BUBBLE, "--bind", here, here, "--chdir", here, "mutmut", *words], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
