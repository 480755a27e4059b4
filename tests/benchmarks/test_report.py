"""What the report of the benchmarks says of a figure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.figures import Figure, Series, bounded, ratio, within
from benchmarks.report import number, row, written

OURS, FLOOR = Series([800.0, 750.0, 1234.5]), Series([1000.0, 1000.0])
MET = ratio("answers", "/s", "a bare server", OURS, FLOOR, 0.8)
MISSED = bounded("start", "s", "", Series([3.5]), 0, 3)


def test_a_row_has_median_spread_floor_and_whether_the_goal_is_met() -> None:
    assert row(MET) == (
        "| answers | ≥ 0.8 of the floor | 800 /s (750 to 1,230) "
        "| 1,000 /s, a bare server | 0.800 | yes |"
    )


def test_a_goal_that_is_missed_stands_out_and_no_floor_is_made_up() -> None:
    assert row(MISSED) == "| start | ≤ 3 s | 3.50 s (3.50 to 3.50) |  | 3.50 | **no** |"


def test_what_may_be_over_the_floor_is_in_milliseconds() -> None:
    over = within("job", "a process", Series([0.05, 0.04]), Series([0.01]), 30, "≤ 30 ms over")
    assert row(over) == (
        "| job | ≤ 30 ms over | 45.0 ms (40.0 to 50.0) | 10.0 ms, a process | 35.0 | **no** |"
    )


@pytest.mark.parametrize(
    ("value", "told"),
    [(0, "0"), (0.60203, "0.602"), (4555.5, "4,560"), (1234567, "1,230,000"), (-3.14159, "-3.14")],
)
def test_a_number_has_three_digits_that_count(value: float, told: str) -> None:
    assert number(value) == told


def test_the_report_of_a_file_has_the_machine_and_every_figure(tmp_path: Path) -> None:
    figures: list[Figure] = [MET, MISSED]
    document = {
        "machine": {"processors": 2, "load_average": [0.5, 0.25, 0.0]},
        "figures": [figure.to_json() for figure in figures],
    }
    path = tmp_path / "figures.json"
    path.write_text(json.dumps(document))
    lines = written(path).splitlines()
    assert lines[:3] == ["- processors: 2", "- load average: 0.5, 0.25, 0.0", ""]
    assert lines[3].count("|") == lines[4].count("|") == row(MET).count("|")
    assert lines[5:] == [row(MET), row(MISSED)]
