"""A daemon that goes away for a while, with and without ``live-restore``."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable

import pytest

from compute_ref.plugins import BackendUnavailable, Exit, ExitReason
from compute_ref_docker.containers import Containers
from tests.backends.docker.conftest import Place
from tests.backends.docker.daemons import Engine, until

LIVE = pytest.mark.parametrize("own_engine", [["--live-restore"]], indirect=True, ids=["live"])
COUNT = "n=0; until test -e $OUTPUTS/go; do n=$((n+1)); echo $n; sleep 0.1; done; exit 3"

MakePlace = Callable[..., Place]


def numbers(place: Place, run: object) -> list[int]:
    return [int(line) for line in place.log(run).splitlines()]  # type: ignore[arg-type]


@LIVE
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_with_live_restore_runs_go_on_and_are_completed(
    own_engine: Engine, make_place: MakePlace, number: signal.Signals
) -> None:
    place = make_place(own_engine)
    run, short = place.run("sh $ALGO", code=COUNT), place.run("echo ready; sleep 1.5; exit 5")
    handle, ending = place.begin(run, "5"), place.begin(short)
    own_engine.end(number)
    assert place.alive(run) != []
    until(lambda: place.alive(short) == [], "the end of a run while the daemon is away")
    assert place.backend.wait(handle, 0) is None
    own_engine.start()
    seen = len(numbers(place, run))
    until(lambda: len(numbers(place, run)) > seen, "more of the log")
    (run.folders.outputs / "go").touch()
    assert place.wait(handle) == Exit(3)
    assert place.wait(ending) == Exit(5)
    assert numbers(place, run) == list(range(1, len(numbers(place, run)) + 1))


@LIVE
def test_the_time_limit_holds_as_soon_as_the_daemon_is_back(
    own_engine: Engine, make_place: MakePlace
) -> None:
    place = make_place(own_engine)
    run = place.run("echo ready; sleep 600", seconds=3)
    handle = place.begin(run)
    own_engine.end()
    with pytest.raises(BackendUnavailable, match="does not answer"):
        place.backend.stop("compute-ref-job99z-1", 0)
    threading.Event().wait(3)
    assert place.alive(run) != []
    own_engine.start()
    assert place.wait(handle).reason is ExitReason.TIMEOUT
    assert place.alive(run) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_without_it_runs_are_evicted_also_one_that_ends_politely(
    own_engine: Engine, make_place: MakePlace, number: signal.Signals
) -> None:
    place = make_place(own_engine)
    polite = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.1; done"
    runs = [place.run("echo ready; sleep 600"), place.run("exec sh $ALGO", code=polite)]
    handles = [place.begin(run) for run in runs]
    own_engine.restart(number)
    ends = [place.wait(handle) for handle in handles]
    assert [end.reason for end in ends] == [ExitReason.EVICTED] * 2, ends
    assert "restarted" in ends[0].message
    assert all(place.alive(run) == [] for run in runs)
    assert ends[0].message in place.log(runs[0])


@pytest.mark.parametrize("own_engine", [["--live-restore"], []], indirect=True, ids=["live", ""])
@pytest.mark.parametrize("entrypoint", [COUNT, "exit 3"], ids=["running", "ended"])
def test_a_daemon_killed_while_it_starts_a_run_never_leads_to_two(
    own_engine: Engine, make_place: MakePlace, monkeypatch: pytest.MonkeyPatch, entrypoint: str
) -> None:
    """Killed before it has put on its disk that it did; this test puts back what was there."""
    place = make_place(own_engine)
    run = place.run(f"echo once >> $OUTPUTS/times; {entrypoint}")
    start = Containers.start

    def broken(self: Containers, container_id: str) -> None:
        record = own_engine.folder / "data" / "containers" / container_id / "config.v2.json"
        before = record.read_bytes()
        start(self, container_id)
        until((run.folders.outputs / "times").exists, "the run")
        until(lambda: entrypoint == COUNT or place.alive(run) == [], "the end")
        own_engine.end(signal.SIGKILL)
        record.write_bytes(before)
        raise BackendUnavailable

    monkeypatch.setattr(Containers, "start", broken)
    with pytest.raises(BackendUnavailable):
        place.backend.launch(run)
    monkeypatch.setattr(Containers, "start", start)
    own_engine.start()
    for _ in range(2):
        end = place.wait(place.backend.launch(run))
        assert (end.code, end.reason) == (None, ExitReason.LOST)
        assert "while it started the algorithm" in end.message
        place.backend = place.another_backend()
        assert place.backend.find(place.name(run)) is not None
    assert place.output(run, "times") == "once\n"
    for process in place.alive(run):
        with contextlib.suppress(ProcessLookupError):  # it went with the first
            os.kill(process, signal.SIGKILL)


def test_one_that_was_ended_while_the_server_was_away_too_is_evicted(
    own_engine: Engine, make_place: MakePlace
) -> None:
    place = make_place(own_engine)
    run = place.run("echo ready; sleep 600")
    handle = place.begin(run)
    place.backend.close()
    own_engine.restart()
    place.backend = place.another_backend()
    assert place.backend.find(handle.name) is not None
    assert place.wait(handle).reason is ExitReason.EVICTED


def test_a_daemon_that_is_away_is_unavailable_until_it_is_back(
    own_engine: Engine, make_place: MakePlace
) -> None:
    place = make_place(own_engine)
    run = place.run("echo once >> $OUTPUTS/times; exit 4")
    own_engine.end()
    mend = f"does not answer at {own_engine.host}: start it"
    for call in (
        place.backend.check,
        place.backend.list,
        lambda: place.backend.launch(run),
        lambda: place.backend.find(place.name(run)),
        lambda: place.backend.remove(place.name(run)),
    ):
        with pytest.raises(BackendUnavailable, match=mend):
            call()
    (run.folders.control / "stop").unlink()
    own_engine.start()
    assert place.finish(run) == Exit(4)
    assert place.output(run, "times") == "once\n"
