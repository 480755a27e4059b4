"""A run goes on without the server that launched it, and its name is never run twice."""

from __future__ import annotations

import json
import os
import secrets
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from compute_ref.plugins import BackendUnavailable, Exit, ExitReason, Handle, Image, Run
from compute_ref_kubernetes.control import Control
from compute_ref_kubernetes.labels import object_name
from tests.backends.kubernetes.access import Object
from tests.backends.kubernetes.clusters import EmulatedCluster
from tests.backends.kubernetes.conftest import PATIENCE, Place

UNTIL_GO = "until test -e $OUTPUTS/go; do sleep 0.05; done"


class Servers:
    """Launches runs from processes that are then killed."""

    def __init__(self) -> None:
        self._launcher = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("launcher.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self._alive: list[int] = []

    def launch(self, place: Place, run: Run) -> int:
        """The process that launched the run."""
        cluster = place.cluster
        told = [str(place.data_dir), run.job_id, run.entrypoint, cluster.namespace]
        told += [cluster.image.name, cluster.image.tag]
        assert self._launcher.stdin is not None
        assert self._launcher.stdout is not None
        self._launcher.stdin.write(json.dumps([*told, run.limits.log, cluster.kubeconfig]) + "\n")
        self._launcher.stdin.flush()
        self._alive.append(int(self._launcher.stdout.readline()))
        return self._alive[-1]

    def kill(self, process: int) -> None:
        """Return once it is dead."""
        self._alive.remove(process)
        descriptor = os.pidfd_open(process)
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        select.select([descriptor], [], [])
        os.close(descriptor)

    def close(self) -> None:
        for process in list(self._alive):
            self.kill(process)
        with self._launcher:
            self._launcher.kill()


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    found = Servers()
    yield found
    found.close()


class TestAdoption:
    def test_a_run_outlives_a_killed_server_and_is_taken_up_by_the_next(
        self, place: Place, servers: Servers
    ) -> None:
        run = place.run(f"{UNTIL_GO}; echo on; exit 9")
        servers.kill(servers.launch(place, run))
        handle = place.backend.find(place.name(run))
        assert handle is not None
        assert place.backend.wait(handle, 0) is None
        assert handle.name in place.backend.list()
        (run.folders.outputs / "go").touch()
        assert place.wait(handle) == Exit(9)
        assert place.log(run) == "on\n"

    def test_a_run_that_ended_while_no_server_was_there_is_found_too(
        self, place: Place, servers: Servers
    ) -> None:
        run = place.run("echo said; exit 9")
        servers.kill(servers.launch(place, run))
        place.until(lambda: place.pods(run)[0]["status"]["phase"] == "Failed")
        for _ in range(2):
            handle = place.backend.find(place.name(run))
            assert handle is not None
            assert place.wait(handle) == Exit(9)
        assert place.log(run) == "said\n"

    def test_the_log_goes_on_where_the_killed_server_left_it(
        self, place: Place, servers: Servers
    ) -> None:
        run = place.run(
            "n=0; while [ $n -lt 3000 ]; do n=$((n + 1)); echo line $n; done;"
            f"{UNTIL_GO}; while [ $n -lt 6000 ]; do n=$((n + 1)); echo line $n; done"
        )
        first = servers.launch(place, run)
        place.until(lambda: "line 1000\n" in place.log(run))
        servers.kill(first)
        (run.folders.outputs / "go").touch()
        handle = place.backend.find(place.name(run))
        assert handle is not None
        assert place.wait(handle) == Exit(0)
        assert place.log(run) == "".join(f"line {n}\n" for n in range(1, 6001))

    def test_a_log_that_was_cut_stays_cut(self, place: Place, servers: Servers) -> None:
        run = place.run(f"yes said | head -c 50000; {UNTIL_GO}; echo on", log=10_000)
        first = servers.launch(place, run)
        place.until(lambda: "cut off" in place.log(run))
        servers.kill(first)
        (run.folders.outputs / "go").touch()
        assert place.wait(Handle(place.name(run))) == Exit(0)
        assert place.log(run).count("cut off") == 1
        assert place.log(run).endswith("allows.]\n")

    def test_a_stop_that_a_killed_server_began_is_finished(
        self, place: Place, servers: Servers
    ) -> None:
        run = place.run("echo ready; sleep 600; exit 7")
        first = servers.launch(place, run)
        place.ready(run)
        servers.kill(first)
        Control(run.folders.control).write_cause(Exit(None, ExitReason.STORAGE, "Too much."))
        end = place.wait(Handle(place.name(run)))
        assert place.recalled(end, 7) == Exit(7, ExitReason.STORAGE, "Too much.")


class TestNames:
    def test_a_run_whose_job_is_gone_is_not_launched_again(self, place: Place) -> None:
        run = place.run("echo once >> $OUTPUTS/times; echo ready; sleep 600")
        place.backend.launch(run)
        place.ready(run)
        place.backend.close()
        place.admin.delete_job(object_name(place.name(run)))
        place.until(lambda: place.pods(run) == [])
        place.backend = place.another_backend()
        end = place.finish(run)
        assert (end.code, end.reason) == (None, ExitReason.LOST)
        assert place.output(run, "times") == "once\n"

    def test_an_answer_that_was_lost_does_not_make_a_second_job(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = place.run("echo once >> $OUTPUTS/times")
        create = place.backend._cluster.create_job

        def interrupted(job: object) -> bool:
            create(job)  # type: ignore[arg-type]
            raise BackendUnavailable("the answer was lost")

        monkeypatch.setattr(place.backend._cluster, "create_job", interrupted)
        with pytest.raises(BackendUnavailable):
            place.backend.launch(run)
        assert place.finish(run) == Exit(0)
        assert place.output(run, "times") == "once\n"

    def test_a_job_id_that_the_cluster_could_not_bear_is_run_under_another_name(
        self, place: Place
    ) -> None:
        run = place.run("echo x > $OUTPUTS/x", job_id=f"Job_{'x' * 100}_{secrets.token_hex(4)}")
        assert place.finish(run) == Exit(0)
        assert place.name(run) in place.backend.list()
        assert place.output(run, "x") == "x\n"

    def test_no_name_leads_out_of_the_data_folder(self, place: Place) -> None:
        for name in ("compute-ref-../../etc-1", "compute-ref-a/b-1", "other", "compute-ref-.-1"):
            with pytest.raises(ValueError, match="not the name of a run"):
                place.backend.find(name)


class TestStops:
    def test_a_launch_that_waits_for_its_image_comes_back_when_it_is_stopped(
        self, place: Place
    ) -> None:
        run = replace(place.run("true"), image=Image("registry.invalid/nothing", "1", ""))
        launching = threading.Thread(target=place.backend.launch, args=(run,))
        launching.start()
        place.until(lambda: place.pods(run))
        began = time.monotonic()
        place.backend.stop(place.name(run), 5)
        launching.join()
        assert time.monotonic() - began < place.cluster.patience
        assert place.backend.wait(Handle(place.name(run)), 0) == Exit(None)
        place.until(lambda: place.pods(run) == [])

    def test_its_pod_is_gone_when_it_returns(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if isinstance(place.cluster, EmulatedCluster):
            monkeypatch.setattr(place.cluster.emulation, "unmounting", 1)
        else:  # a busy node takes its time
            monkeypatch.setattr("compute_ref_kubernetes.removing.GOING", PATIENCE)
        run = place.run("echo ready; sleep 600")
        handle = place.backend.launch(run)
        place.ready(run)
        place.backend.stop(handle.name, 5)
        assert place.pods(run) == []

    def test_the_job_is_deleted_in_the_foreground(
        self, place: Place, emulated: EmulatedCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: list[object] = []
        delete = emulated.emulation.api.deleting

        def deleting(resource: str, shown: Object, options: Object) -> None:
            if resource == "jobs":
                told.append(options["propagationPolicy"])
            delete(resource, shown, options)

        monkeypatch.setattr(emulated.emulation.api, "deleting", deleting)
        run = place.run("echo ready; sleep 600")
        handle = place.backend.launch(run)
        place.backend.stop(handle.name, 5)
        assert told == ["Foreground"]


class TestServers:
    def test_two_in_one_namespace_never_touch_each_others_runs(
        self, make_place: Callable[..., Place]
    ) -> None:
        one, other = make_place(), make_place()
        run = one.run(f"echo ready; {UNTIL_GO}")
        handle = one.backend.launch(run)
        assert other.backend.list() == set()
        assert other.backend.find(handle.name) is None
        other.backend.stop(handle.name, 0)
        other.backend.remove(handle.name)
        (run.folders.outputs / "go").touch()
        assert one.wait(handle) == Exit(0)

    def test_a_name_that_another_server_uses_is_refused(
        self, make_place: Callable[..., Place]
    ) -> None:
        one, other = make_place(), make_place()
        run = one.run(f"echo ready; {UNTIL_GO}")
        handle = one.backend.launch(run)
        same = other.run("true", job_id=run.job_id)
        with pytest.raises(BackendUnavailable, match="another server has a Job"):
            other.backend.launch(same)
        (run.folders.outputs / "go").touch()
        assert one.wait(handle) == Exit(0)
