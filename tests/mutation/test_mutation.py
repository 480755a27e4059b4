"""What the judgement of mutants judges: who meets which tests, and who survived without reason."""

from __future__ import annotations

import json
from pathlib import Path

from tests.mutation.selection import SECONDS, narrow
from tests.mutation.survivors import Mutant, complaints, reasons

FOUND = [Mutant(f"m.f: - {number} + 0", found=True) for number in range(1, 20)]
ALIVE = Mutant("m.f: - a + b", found=False)


def test_each_survivor_needs_a_reason() -> None:
    assert complaints([*FOUND, ALIVE], []) == ["survived without a reason: m.f: - a + b"]
    assert complaints([*FOUND, ALIVE], [ALIVE.text]) == []


def test_a_reason_goes_with_its_survivor() -> None:
    assert complaints(FOUND, ["m.f: - a + b"]) == ["listed, but found or gone: m.f: - a + b"]
    assert complaints(FOUND, ["m.other: - a + b"]) == []  # not tried


def test_one_mutant_in_ten_may_survive_and_no_more() -> None:
    listed = [ALIVE.text]
    assert complaints([*FOUND[:9], ALIVE], listed) == []
    assert complaints([*FOUND[:8], ALIVE], listed) == ["fewer than 90% were found"]


def test_a_mutant_meets_its_modules_tests_first_and_then_the_quickest(tmp_path: Path) -> None:
    lasting = {
        "tests/test_b.py::slow": SECONDS * 0.9,
        "tests/test_a.py::own": SECONDS * 0.5,
        "tests/test_b.py::quick": SECONDS * 0.1,
        "tests/test_b.py::quicker": SECONDS * 0.05,
    }
    notes = tmp_path / "notes.json"
    reaching = {"compute_ref.a.x_f": list(lasting), "compute_ref.c.x_g": [*lasting][:1]}
    notes.write_text(
        json.dumps({"duration_by_test": lasting, "tests_by_mangled_function_name": reaching})
    )
    narrow(notes)
    assert json.loads(notes.read_text())["tests_by_mangled_function_name"] == {
        "compute_ref.a.x_f": [
            "tests/test_a.py::own",
            "tests/test_b.py::quicker",
            "tests/test_b.py::quick",
        ],
        "compute_ref.c.x_g": ["tests/test_b.py::slow"],
    }


def test_every_listed_survivor_has_one_reason() -> None:
    listed = reasons()
    assert listed
    assert all(why.endswith(".") for why in listed.values())
