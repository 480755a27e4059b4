"""A run goes on without the server that launched it, and its name is never run twice."""

from __future__ import annotations

import fcntl
import marshal
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any, NoReturn

import pytest

from compute_ref.plugins import Exit, ExitReason, Handle, Run
from tests.backends.local.conftest import PATIENCE, Place
from tests.backends.local.launching import launched_and_killed


@pytest.fixture
def launched(place: Place) -> Callable[[Run], str]:
    """Launch a run from another process and kill -9 that; returns the run's name."""

    def launch(run: Run) -> str:
        assert "sandboxed" in launched_and_killed(place, run)
        assert isinstance(run.variables, dict)
        run.variables["secret"] = run.job_id
        return place.backend.name(run.job_id, run.number)

    return launch


def name_of(place: Place, run: Run) -> str:
    return place.backend.name(run.job_id, run.number)


def test_a_run_outlives_a_killed_server_and_is_taken_up_by_the_next(
    place: Place, launched: Callable[[Run], str]
) -> None:
    run = place.run("until test -e $OUTPUTS/go; do sleep 0.01; done; echo on; exit 9")
    name = launched(run)
    handle = place.backend.find(name)
    assert handle is not None
    assert place.backend.wait(handle, 0) is None
    assert name in place.backend.list()
    (run.folders.outputs / "go").touch()
    assert place.wait(handle) == Exit(9)
    assert place.log(run) == "on\n"
    assert place.alive(run) == []
    assert name not in place.backend.list()


def test_a_run_that_ended_while_no_server_was_there_is_found_too(
    place: Place, launched: Callable[[Run], str]
) -> None:
    run = place.run("exit 9")
    name = launched(run)
    place.until((run.folders.control / "exit.json").exists)
    assert place.wait(place.backend.find(name)) == Exit(9)
    assert place.wait(place.backend.find(name)) == Exit(9)


def test_the_next_server_can_stop_it(place: Place, launched: Callable[[Run], str]) -> None:
    run = place.run("echo ready; sleep 600")
    name = launched(run)
    place.until(lambda: "ready" in place.log(run))
    assert place.alive(run) != []
    place.backend.stop(name, 5)
    assert place.alive(run) == []
    assert place.wait(place.backend.find(name), 0).code == 143


def test_a_server_that_dies_before_the_go_leaves_nothing_and_the_launch_is_repeated(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(told: Any, pipe: IO[bytes]) -> NoReturn:
        pipe.write(marshal.dumps(told)[:-1])
        raise KeyboardInterrupt

    run = place.run("echo once >> $OUTPUTS/times")
    with monkeypatch.context() as patch:
        patch.setattr(marshal, "dump", broken)
        with pytest.raises(KeyboardInterrupt):
            place.backend.launch(run)
    assert place.backend.find(name_of(place, run)) is None
    assert not (run.folders.outputs / "times").exists()
    assert place.finish(run) == Exit(0)
    assert place.output(run, "times") == "once\n"


def test_looking_for_a_name_waits_for_a_launch_under_way(place: Place) -> None:
    run = place.run("true")
    found: list[Handle | None] = []
    lock = os.open(run.folders.control / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    looking = threading.Thread(target=lambda: found.append(place.backend.find(name_of(place, run))))
    looking.start()
    looking.join(0.1)
    assert found == []
    (run.folders.control / "started").touch()
    os.close(lock)
    looking.join()
    assert found[0] is not None
    assert found[0].name == name_of(place, run)


def test_a_killed_supervisor_takes_all_of_its_run_along_and_the_run_is_lost(place: Place) -> None:
    run = place.run("sleep 600 & setsid sleep 600 & echo ready; wait")
    handle = place.backend.launch(run)
    place.until(lambda: "ready" in place.log(run))
    os.kill(place.supervisor(run), signal.SIGKILL)
    end = place.wait(handle)
    assert (end.code, end.reason) == (None, ExitReason.LOST)
    assert place.alive(run) == []
    assert place.wait(place.backend.find(handle.name)).reason is ExitReason.LOST
    assert handle.name not in place.backend.list()


def test_stopping_a_run_whose_supervisor_hangs_ends_all_of_it(place: Place) -> None:
    run = place.run("echo ready; sleep 600")
    handle = place.backend.launch(run)
    place.until(lambda: "ready" in place.log(run))
    os.kill(place.supervisor(run), signal.SIGSTOP)
    place.backend.stop(handle.name, 0)
    assert place.alive(run) == []
    assert place.wait(handle, 0).reason is ExitReason.LOST


def test_a_stop_before_the_algorithm_has_begun_waits_for_nothing(
    place: Place, open_folder: Path
) -> None:
    slow = open_folder / "bwrap"
    slow.write_text("#!/bin/sh\nexec sleep 600\n")
    slow.chmod(0o755)
    manner = place.backend._found_manner()
    assert manner.bubblewrap is not None
    around = replace(manner.bubblewrap, program=str(slow))
    place.backend._manner = replace(manner, bubblewrap=around)
    run = place.run("true")
    handle = place.backend.launch(run)
    place.until(lambda: place.alive(run) != [])
    stop = partial(place.backend.stop, handle.name, 10 * PATIENCE)
    threading.Thread(target=stop, daemon=True).start()
    assert place.wait(handle).code == 137


@pytest.mark.parametrize(
    "record", [f'[{os.getpid()}, 1, "another boot", null]', ""], ids=["whole", "emptied"]
)
def test_a_run_of_another_boot_is_lost(place: Place, record: str) -> None:
    run = place.run("true")
    place.finish(run)
    control = place.backend._control(name_of(place, run))
    control.exit.unlink()
    control.record.write_text(record)
    end = place.wait(place.another_backend().find(name_of(place, run)), 0)
    assert end.reason is ExitReason.LOST


def test_a_process_that_has_the_supervisors_number_by_chance_is_left_alone(place: Place) -> None:
    run = place.run("true")
    place.finish(run)
    control = place.backend._control(name_of(place, run))
    control.exit.unlink()
    from compute_ref_local.pidfds import boot_id

    with subprocess.Popen(["sleep", "600"]) as stranger:
        control.record.write_text(f'[{stranger.pid}, 1, "{boot_id()}", null]')
        place.backend.stop(name_of(place, run), 0)
        assert stranger.poll() is None
        stranger.kill()


def test_stop_and_remove_may_come_at_any_time_and_twice(place: Place) -> None:
    run = place.run("sleep 600")
    for name in (name_of(place, run), "compute-ref-job99z-1"):
        place.backend.remove(name)
        place.backend.stop(name, 0)
    (run.folders.control / "stop").unlink()
    handle = place.backend.launch(run)
    for _ in range(2):
        place.backend.stop(handle.name, 0)
        place.backend.remove(handle.name)
    assert place.alive(run) == []
    assert place.backend.list() == []


def test_a_run_whose_folder_is_gone_is_still_ended(place: Place) -> None:
    import shutil

    run = place.run("echo ready; sleep 600")
    handle = place.backend.launch(run)
    place.until(lambda: "ready" in place.log(run))
    shutil.rmtree(run.folders.root.parent)
    assert handle.name in place.backend.list()
    place.backend.remove(handle.name)
    assert place.alive(run) == []
    assert place.backend.list() == []


def test_a_service_manager_that_ends_the_supervisor_evicts_the_run(place: Place) -> None:
    run = place.run("echo ready; sleep 600")
    handle = place.backend.launch(run)
    place.until(lambda: "ready" in place.log(run))
    os.kill(place.supervisor(run), signal.SIGTERM)
    assert place.wait(handle).reason is ExitReason.EVICTED


def test_a_supervisor_that_ended_leaves_no_zombie(place: Place) -> None:
    run = place.run("true")
    handle = place.backend.launch(run)
    pid = handle.data.pid
    place.wait(handle)
    assert not Path(f"/proc/{pid}").exists()


def test_no_name_leads_out_of_the_data_folder(place: Place) -> None:
    for name in ("compute-ref-../../etc-1", "compute-ref-a/b-1", "other", "compute-ref-.-1"):
        with pytest.raises(ValueError, match="not the name of a run"):
            place.backend.find(name)
