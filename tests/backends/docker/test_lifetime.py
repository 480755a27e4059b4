"""A container goes on without the server that launched it, and its name is never run twice."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import pytest

from compute_ref.plugins import BackendUnavailable, Exit, ExitReason, Run
from compute_ref_docker.containers import Containers
from tests.backends.docker.conftest import Place
from tests.backends.docker.daemons import until

LAUNCHER = str(Path(__file__).with_name("launcher.py"))

Launch = Callable[[Run], str]


def started_and_killed(place: Place, run: Run) -> str:
    """Launch a run's entrypoint from another process, kill -9 that; returns the run's name."""
    host, seconds = str(place.options["host"]), str(run.limits.seconds)
    arguments = [str(place.data_dir), run.job_id, host, run.entrypoint, seconds]
    with subprocess.Popen(
        [sys.executable, LAUNCHER, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline().startswith(("Docker", "Podman"))
        assert server.stdout.readline().startswith("launched")
        server.kill()
    assert isinstance(run.variables, dict)
    run.variables["secret"] = run.job_id
    return place.name(run)


def ended(place: Place, run: Run) -> bool:
    return not place.container(run)["State"]["Running"]


def test_a_run_outlives_a_killed_server_and_is_taken_up_by_the_next(place: Place) -> None:
    run = place.run("echo on; until test -e $OUTPUTS/go; do sleep 0.05; done; echo off; exit 9")
    name = started_and_killed(place, run)
    handle = place.backend.find(name)
    assert handle is not None
    assert place.backend.wait(handle, 0) is None
    assert name in place.backend.list()
    (run.folders.outputs / "go").touch()
    assert place.wait(handle) == Exit(9)
    assert place.log(run) == "on\noff\n"
    assert place.alive(run) == []


def test_one_that_ended_while_no_server_was_there_is_collected(place: Place) -> None:
    run = place.run("echo result > $OUTPUTS/result; echo done; exit 9")
    name = started_and_killed(place, run)
    until(lambda: ended(place, run), "the end")
    for backend in (place.backend, place.another_backend()):
        handle = backend.find(name)
        assert handle is not None
        assert backend.wait(handle, 60) == Exit(9)
    assert place.log(run) == "done\n"
    assert place.output(run, "result") == "result\n"
    assert run.folders.outputs.stat().st_uid == 0


def test_the_time_limit_counts_while_the_server_is_away(place: Place) -> None:
    run = place.run("echo on; sleep 600", seconds=1)
    name = started_and_killed(place, run)
    threading.Event().wait(1.5)
    handle = place.backend.find(name)
    assert handle is not None
    end = place.wait(handle)
    assert (end.reason, end.code) == (ExitReason.TIMEOUT, 143)
    assert "time limit" in place.log(run)


def test_one_that_ran_too_long_while_nobody_watched_has_reached_its_limit(place: Place) -> None:
    run = place.run("sleep 1.5", seconds=0.5)
    name = started_and_killed(place, run)
    until(lambda: ended(place, run), "the end")
    handle = place.backend.find(name)
    assert handle is not None
    assert place.wait(handle).reason is ExitReason.TIMEOUT


def test_while_a_run_goes_on_its_daemon_is_asked_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server waits on the daemon, which tells of the end."""
    send, asked = docker.APIClient.send, []

    def counted(self: docker.APIClient, request: Any, **options: Any) -> Any:
        asked.append(request.url)
        return send(self, request, **options)

    monkeypatch.setattr(docker.APIClient, "send", counted)
    run = place.run("echo ready; until test -e $OUTPUTS/go; do sleep 0.05; done")
    handle = place.begin(run)
    until(lambda: any(url.endswith("/wait") for url in asked), "the server's wait")
    before = len(asked)
    assert place.backend.wait(handle, 2) is None
    assert asked[before:] == []
    (run.folders.outputs / "go").touch()
    assert place.wait(handle) == Exit(0)


class Killed(BaseException):
    """The server died here."""


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, bool], None]:
    """Let a server die around a call for a container, before or after it took place."""
    original = {name: getattr(Containers, name) for name in ("create", "start")}

    def die(name: str, after: bool) -> None:
        def broken(self: Containers, *arguments: Any) -> None:
            monkeypatch.setattr(Containers, name, original[name])
            if after:
                original[name](self, *arguments)
            raise Killed

        monkeypatch.setattr(Containers, name, broken)

    return die


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", ["create", "start"])
def test_a_server_that_dies_in_the_middle_of_a_launch_never_leads_to_two_runs(
    place: Place, dying: Callable[[str, bool], None], call: str, after: bool
) -> None:
    run = place.run("echo once >> $OUTPUTS/times; exit 4")
    dying(call, after)
    with pytest.raises(Killed):
        place.backend.launch(run)
    begun = call == "start" and after
    place.backend = place.another_backend()
    assert (place.backend.find(place.name(run)) is not None) == begun
    if begun:
        until(lambda: ended(place, run), "the end")
    assert place.finish(run) == Exit(4)
    assert place.finish(run) == Exit(4)
    assert place.output(run, "times") == "once\n"


def test_one_whose_container_somebody_removed_is_lost_and_not_run_again(place: Place) -> None:
    run = place.run("echo once >> $OUTPUTS/times; echo ready; sleep 600")
    handle = place.begin(run)
    with place.engine.client() as api:
        api.remove_container(place.container(run), force=True)
    assert place.wait(handle).reason is ExitReason.LOST
    again = place.another_backend()
    assert again.wait(again.launch(run), 60) == Exit(
        None, ExitReason.LOST, "Neither process nor exit code is left."
    )
    assert place.container(run) is None
    assert place.output(run, "times") == "once\n"


def test_one_that_somebody_at_the_daemon_kills_is_evicted(place: Place) -> None:
    run = place.run("echo ready; sleep 600")
    handle = place.begin(run)
    with place.engine.client() as api:
        api.kill(place.container(run))
    end = place.wait(handle)
    assert (end.reason, end.code) == (ExitReason.EVICTED, 137)
    assert "ended the algorithm" in end.message
    assert end.message in place.log(run)


def test_one_that_kills_itself_is_not(place: Place) -> None:
    assert place.finish(place.run("kill -9 $$")) == Exit(137)


def test_waiting_for_what_was_never_launched_ends_as_lost_and_it_can_be_launched_yet(
    place: Place,
) -> None:
    from compute_ref.plugins import Handle

    run = place.run("exit 3")
    assert place.wait(Handle(place.name(run))).reason is ExitReason.LOST
    assert place.finish(run) == Exit(3)


def test_a_stop_that_comes_while_the_container_is_made_is_heeded(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = place.run("echo never > $OUTPUTS/never")
    create, stopping = Containers.create, []

    def slow(self: Containers, *arguments: Any) -> str:
        made = create(self, *arguments)
        stopping.append(threading.Thread(target=place.backend.stop, args=(place.name(run), 5)))
        stopping[0].start()
        until((run.folders.control / "stop").exists, "the stop")
        return made

    monkeypatch.setattr(Containers, "create", slow)
    handle = place.backend.launch(run)
    stopping[0].join()
    assert place.alive(run) == []
    assert place.wait(handle).reason is ExitReason.EXITED
    assert not (run.folders.outputs / "never").exists()


def test_a_stop_lets_an_algorithm_that_listens_end_in_its_own_way(place: Place) -> None:
    code = "trap 'echo saved > $OUTPUTS/saved; exit 5' TERM; echo ready; sleep 600 & wait"
    run = place.run("echo first; sh $ALGO; echo last", code=code)
    handle = place.begin(run)
    place.backend.stop(handle.name, 30)
    assert place.wait(handle) == Exit(0)
    assert place.output(run, "saved") == "saved\n"
    assert place.log(run).endswith("last\n")


def test_one_that_takes_the_place_of_its_shell_is_asked_once(place: Place) -> None:
    code = "trap 'echo asked; sleep 0.5; exit 5' TERM; echo ready; while :; do sleep 0.1; done"
    run = place.run("exec sh $ALGO", code=code)
    handle = place.begin(run)
    place.backend.stop(handle.name, 30)
    assert place.wait(handle) == Exit(5)
    assert place.log(run).count("asked") == 1


def test_two_servers_on_one_daemon_do_not_touch_each_others_runs(
    place: Place, make_place: Callable[..., Place]
) -> None:
    other = make_place(place.engine)
    mine, theirs = place.run("echo ready; sleep 600"), other.run("echo ready; sleep 600")
    assert place.name(mine) == other.name(theirs)
    handle = other.begin(theirs)
    assert list(place.backend.list()) == []
    assert place.backend.find(handle.name) is None
    place.backend.stop(handle.name, 0)
    place.backend.remove(handle.name)
    assert other.alive(theirs) != []
    (mine.folders.control / "stop").unlink()
    place.begin(mine)
    other.backend.stop(handle.name, 0)
    assert place.alive(mine) != []


def test_what_the_daemon_will_not_start_is_left_as_if_it_was_never_launched(
    place: Place,
) -> None:
    run = place.run("echo well", network=True)
    place.backend = place.another_backend(network="nowhere")
    with pytest.raises(BackendUnavailable, match="network nowhere not found"):
        place.backend.launch(run)
    assert place.container(run) is None
    assert place.backend.find(place.name(run)) is None


def test_no_name_leads_out_of_the_data_folder(place: Place) -> None:
    for name in ("compute-ref-../../etc-1", "compute-ref-a/b-1", "other", "compute-ref-.-1"):
        with pytest.raises(ValueError, match="not the name of a run"):
            place.backend.find(name)
