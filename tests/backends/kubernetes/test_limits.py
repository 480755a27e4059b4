"""Algorithms that take more than they may: each is ended, and told why."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from compute_ref.plugins import Exit, ExitReason, Limits
from compute_ref_kubernetes.bounds import Bounds
from compute_ref_kubernetes.endings import TIMEOUT
from tests.backends.kubernetes.conftest import Place

MIB = 2**20
SPARSE = "dd if=/dev/zero of=$OUTPUTS/big bs=1 count=1 seek=100000000000"
FILL = "number=0; while :; do number=$((number + 1)); {}; sleep 0.02; done"


class TestTime:
    def test_an_algorithm_has_all_of_its_time(self, tmp_path: Path) -> None:
        """Of when it began the cluster tells no more than the second."""
        told = datetime(2026, 11, 25, 12, tzinfo=UTC)
        bounds = Bounds(Limits(seconds=10), tmp_path)
        assert bounds.exceeded(told, told + timedelta(seconds=10.99)) is None
        assert bounds.pause(told, told + timedelta(seconds=10)) == 1
        assert bounds.exceeded(told, told + timedelta(seconds=11)) == TIMEOUT

    def test_the_time_limit_ends_it_and_it_is_asked_first(self, place: Place) -> None:
        run = place.run(
            "sh $ALGO",
            code="trap 'echo saved > $OUTPUTS/saved; exit 7' TERM; echo begun; sleep 600 & wait",
            seconds=5,
        )
        end = place.recalled(place.finish(run), 7)
        assert (end.reason, end.code) == (ExitReason.TIMEOUT, 7)
        assert place.output(run, "saved") == "saved\n"
        assert place.log(run) == "begun\n[The algorithm reached the time limit.]\n"

    def test_time_begins_with_the_algorithm_and_goes_on_while_no_server_is_there(
        self, place: Place
    ) -> None:
        run = place.run("echo ready; sleep 600", seconds=3)
        handle = place.backend.launch(run)
        place.ready(run)
        place.backend.close()
        time.sleep(4)
        place.backend = place.another_backend()
        began = time.monotonic()
        assert place.wait(handle).reason is ExitReason.TIMEOUT
        assert time.monotonic() - began < place.cluster.patience


class TestMemory:
    def test_of_the_algorithm(self, place: Place) -> None:
        run = place.run("head -c 300m /dev/zero | tail; exit $?", memory=64 * MIB)
        end = place.finish(run)
        assert (end.reason, end.code) == (ExitReason.OOM, 137)
        assert place.log(run).endswith(
            "[The algorithm used more memory than the environment has.]\n"
        )

    def test_an_algorithm_that_survives_it_is_let_be(self, place: Place) -> None:
        run = place.run("head -c 300m /dev/zero | tail; echo on; exit 0", memory=64 * MIB)
        assert place.finish(run) == Exit(0)
        assert "on\n" in place.log(run)

    def test_tmp_is_bounded(self, place: Place) -> None:
        run = place.run("head -c 300m /dev/zero > /tmp/big || exit 9", memory=64 * MIB)
        assert place.finish(run).code in (9, 137)


class TestDisk:
    @pytest.mark.parametrize(
        "fill",
        [
            FILL.format("head -c 1m /dev/zero > $OUTPUTS/$number"),
            "while :; do head -c 1m /dev/zero; sleep 0.02; done > $OUTPUTS/big",
            f"{SPARSE}; sleep 600",
            FILL.format("mkdir -p $OUTPUTS/a/$number; truncate -s 1M $OUTPUTS/a/$number/x"),
        ],
        ids=["many", "one", "sparse", "deep"],
    )
    def test_outputs_however_they_are_filled(self, place: Place, fill: str) -> None:
        run = place.run(fill, disk=20 * MIB)
        end = place.finish(run)
        assert end.reason is ExitReason.STORAGE
        assert place.log(run).endswith("more than the environment's disk holds.]\n")

    def test_what_was_written_in_the_last_moment_counts(self, place: Place) -> None:
        run = place.run("head -c 8m /dev/zero > $OUTPUTS/big", disk=4 * MIB)
        assert place.finish(run).reason is ExitReason.STORAGE

    def test_another_run_goes_on(self, place: Place) -> None:
        other = place.run("until test -e $OUTPUTS/go; do sleep 0.05; done", disk=20 * MIB)
        handle = place.backend.launch(other)
        run = place.run(f"{SPARSE}; sleep 600", disk=20 * MIB)
        assert place.finish(run).reason is ExitReason.STORAGE
        (other.folders.outputs / "go").touch()
        assert place.wait(handle) == Exit(0)


class TestLog:
    def test_why_it_was_ended_is_said_below_what_was_cut(self, place: Place) -> None:
        run = place.run("yes", log=1_000, seconds=3)
        assert place.finish(run).reason is ExitReason.TIMEOUT
        assert place.log(run).endswith("allows.]\n[The algorithm reached the time limit.]\n")

    def test_lines_of_any_length_arrive_as_they_were_said(self, place: Place) -> None:
        run = place.run(
            "for length in 1 100 16383 16384 16385 50000; do\n"
            "  head -c $length /dev/zero | tr '\\0' x; echo; done; printf end"
        )
        assert place.finish(run) == Exit(0)
        lines = place.log(run).split("\n")
        assert [len(line) for line in lines] == [1, 100, 16383, 16384, 16385, 50000, 3]
        assert set("".join(lines[:-1])) == {"x"}

    def test_it_arrives_while_the_algorithm_runs(self, place: Place) -> None:
        run = place.run("echo ready; until test -e $OUTPUTS/go; do sleep 0.05; done; echo on")
        handle = place.backend.launch(run)
        place.ready(run)
        assert place.backend.wait(handle, 0) is None
        (run.folders.outputs / "go").touch()
        assert place.wait(handle) == Exit(0)
        assert place.log(run) == "ready\non\n"

    def test_standard_error_is_in_it_where_it_was_said(self, place: Place) -> None:
        run = place.run("echo first; echo second >&2; echo third")
        assert place.finish(run) == Exit(0)
        assert place.log(run).split() == ["first", "second", "third"]

    def test_bytes_that_are_no_text_are_as_the_node_keeps_them(self, place: Place) -> None:
        run = place.run(r"printf '\377\000\n'")
        assert place.finish(run) == Exit(0)
        log = (run.folders.logs / "algorithm.log").read_bytes()
        assert log in (b"\xff\x00\n", "\ufffd\0\n".encode())  # Docker's nodes keep text
