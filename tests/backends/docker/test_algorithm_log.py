"""The algorithm's log: as it is written, cut where it is too long, whole after every restart."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from compute_ref.plugins import Exit, ExitReason
from compute_ref_docker.algorithm_log import CUT, GAP, AlgorithmLog
from compute_ref_local.supervision import output
from tests.backends.docker.conftest import Place
from tests.backends.docker.daemons import Engine, until


def test_the_line_where_it_is_cut_is_that_of_the_local_backend() -> None:
    assert CUT == output.CUT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "algorithm.log"


def test_pieces_are_joined(path: Path) -> None:
    AlgorithmLog(path, 0).take([b"one\n", b"\xff\x00", b"two"])
    assert path.read_bytes() == b"one\n\xff\x00two"


@pytest.mark.parametrize("pieces", [[b"0123456789"], [b"01234", b"56789"], [b"0"] * 10])
def test_as_long_as_allowed_is_whole(path: Path, pieces: list[bytes]) -> None:
    log = AlgorithmLog(path, 10)
    log.take(pieces)
    assert path.read_bytes() == b"".join(pieces)
    assert not log.full


@pytest.mark.parametrize("pieces", [[b"0123456789x"], [b"0123456789", b"x"], [b"01", b"3" * 100]])
def test_what_is_longer_is_cut_once_and_no_more_is_asked_for(
    path: Path, pieces: list[bytes]
) -> None:
    log, asked = AlgorithmLog(path, 10), iter([*pieces, b"more", b"and more"])
    log.take(asked)
    assert path.read_bytes() == b"".join(pieces)[:10] + CUT
    assert log.full
    assert next(asked) == b"more"
    AlgorithmLog(path, 10).take([*pieces, b"again"])
    assert path.read_bytes() == b"".join(pieces)[:10] + CUT


@pytest.mark.parametrize("known", range(12))
def test_the_next_server_goes_on_wherever_the_last_one_was(path: Path, known: int) -> None:
    whole = b"first\nlast\nx"
    AlgorithmLog(path, 0).take([whole[:known]])
    AlgorithmLog(path, 0).take([b"fir", b"st\nl", b"ast", b"\nx"])
    assert path.read_bytes() == whole


def test_where_the_daemon_no_longer_has_the_beginning_that_is_told(path: Path) -> None:
    log = AlgorithmLog(path, 1_000)
    log.take([b"one\n", b"two\n"])
    for _ in range(2):
        log.take([b"five\n", b"six\n"])
    assert path.read_bytes() == b"one\ntwo\n" + GAP + b"five\nsix\n"


def test_a_link_in_its_place_is_not_written_through(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "other")
    AlgorithmLog(path, 0).take([b"x"])
    AlgorithmLog(path, 0).say("x")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("place", ["/dev/full", "/dev/null/nowhere"])
def test_a_disk_that_takes_no_more_costs_the_rest_of_the_log_only(place: str) -> None:
    log, asked = AlgorithmLog(Path(place), 0), iter([b"x", b"y", b"z"])
    log.take(asked)
    log.say("the end")
    assert list(asked) != []


def test_it_can_be_read_while_the_algorithm_runs(place: Place) -> None:
    run = place.run("echo ready; until test -e $OUTPUTS/go; do sleep 0.05; done; echo last")
    handle = place.begin(run)
    assert place.log(run) == "ready\n"
    (run.folders.outputs / "go").touch()
    assert place.wait(handle) == Exit(0)
    assert place.log(run) == "ready\nlast\n"


def test_both_streams_are_there_in_order_and_bytes_stay_as_they_are(place: Place) -> None:
    code = "for n in 1 2 3 4 5 6 7 8 9; do echo $n; echo $n >&2; done; printf '\\377\\000\\001'"
    run = place.run("sh $ALGO", code=code)
    assert place.finish(run) == Exit(0)
    lines = "".join(f"{n}\n{n}\n" for n in range(1, 10)).encode()
    assert (run.folders.logs / "algorithm.log").read_bytes() == lines + b"\xff\x00\x01"


@pytest.mark.parametrize(
    "command",
    ["seq 1 20000", "head -c 300000 /dev/zero", "seq 1 3; head -c 40000 /dev/zero; printf end"],
)
def test_the_last_of_it_is_never_missing(place: Place, command: str) -> None:
    run = place.run(f"({command}) | tee $OUTPUTS/same")
    assert place.finish(run) == Exit(0)
    said = (run.folders.logs / "algorithm.log").read_bytes()
    assert said == (run.folders.outputs / "same").read_bytes()


def test_why_it_was_ended_is_said_below_a_log_that_was_cut(place: Place) -> None:
    run = place.run("yes", log=1_000, seconds=1)
    assert place.finish(run).reason is ExitReason.TIMEOUT
    assert place.log(run).endswith(CUT.decode() + "[The algorithm reached the time limit.]\n")


def test_the_daemons_own_copy_is_bounded(place: Place, engine: Engine) -> None:
    run = place.run("yes | head -c 1000000", log=10_000)
    assert place.finish(run) == Exit(0)
    (folder,) = (engine.folder / "data" / "containers").glob(f"{place.container(run)['Id']}*")
    kept = sum(file.stat().st_size for file in folder.rglob("container.log*"))
    assert 0 < kept <= 3 * 2**20


def test_another_backend_goes_on_with_it_where_the_last_one_left_off(
    place: Place, make_place: Callable[..., Place]
) -> None:
    code = "n=0; until test -e $OUTPUTS/go; do n=$((n+1)); echo $n; sleep 0.01; done"
    run = place.run("sh $ALGO", code=code)
    handle = place.begin(run, "5")
    for number in (30, 60, 90):
        place.backend.close()
        place.backend = place.another_backend()
        assert place.backend.find(handle.name) is not None
        until(lambda: f"\n{number}\n" in place.log(run), "more of the log")  # noqa: B023
    (run.folders.outputs / "go").touch()
    assert place.wait(handle) == Exit(0)
    numbers = [int(line) for line in place.log(run).splitlines()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_two_backends_at_once_do_not_write_it_twice(place: Place) -> None:
    run = place.run("seq 1 500; until test -e $OUTPUTS/go; do sleep 0.05; done; seq 501 1000")
    handle = place.begin(run, "500")
    other = place.another_backend()
    assert other.find(handle.name) is not None
    assert other.wait(handle, 0) is None
    (run.folders.outputs / "go").touch()
    assert place.wait(handle) == other.wait(handle, 60) == Exit(0)
    assert re.findall(r"\d+", place.log(run)) == [str(n) for n in range(1, 1001)]
