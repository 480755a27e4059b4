"""A cluster whose API comes and goes: runs go on, and nothing of them is missed."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from compute_ref.plugins import BackendUnavailable, Exit
from compute_ref_kubernetes.cluster import Cluster, Kind
from compute_ref_kubernetes.labels import OBJECT
from compute_ref_kubernetes.watching import Watcher
from tests.backends.kubernetes.clusters import EmulatedCluster
from tests.backends.kubernetes.conftest import Place

UNTIL_GO = "until test -e $OUTPUTS/go; do sleep 0.05; done"


def watching(place: Place, emulated: EmulatedCluster, resource: str) -> list[str]:
    """What the backend has asked of all its Jobs or pods."""
    ours = place.backend._observed.selector
    asked = [one for one in emulated.emulation.api.asked if one.labels == ours]
    return [one.verb for one in asked if one.resource == resource]


class TestConnections:
    def test_broken_ones_are_made_again_and_nothing_is_missed(self, place: Place) -> None:
        run = place.run(f"echo ready; {UNTIL_GO}; echo on; exit 9")
        handle = place.backend.launch(run)
        place.ready(run)
        for _ in range(3):
            place.cluster.wire.drop()
        (run.folders.outputs / "go").touch()
        assert place.wait(handle) == Exit(9)
        assert place.log(run) == "ready\non\n"

    def test_an_end_while_the_api_is_away_is_told_once_it_is_back(self, place: Place) -> None:
        run = place.run(f"echo ready; {UNTIL_GO}; echo on; exit 9")
        handle = place.backend.launch(run)
        place.ready(run)
        place.cluster.wire.cut()
        (run.folders.outputs / "go").touch()
        place.until(lambda: place.pods(run)[0]["status"]["phase"] == "Failed")
        assert place.backend.wait(handle, 0.5) is None
        place.cluster.wire.mend()
        assert place.wait(handle) == Exit(9)
        assert place.log(run) == "ready\non\n"

    def test_a_stop_while_the_api_is_away_is_done_once_it_is_back(self, place: Place) -> None:
        run = place.run("echo ready; sleep 600; exit 7")
        handle = place.backend.launch(run)
        place.ready(run)
        place.cluster.wire.cut()
        stopping = threading.Thread(target=place.backend.stop, args=(handle.name, 5))
        stopping.start()
        place.until((run.folders.control / "stop").exists)
        assert place.backend.wait(handle, 0.5) is None
        place.cluster.wire.mend()
        stopping.join()
        end = place.backend.wait(handle, 0)
        assert end is not None
        assert place.recalled(end, 7) == Exit(7)

    def test_launching_and_finding_say_that_it_is_away(self, place: Place) -> None:
        run = place.run("true")
        place.cluster.wire.cut()
        for call in (
            lambda: place.backend.launch(run),
            lambda: place.backend.find(place.name(run)),
            place.backend.list,
            place.backend.check,
        ):
            with pytest.raises(BackendUnavailable, match="did not answer"):
                call()
        place.cluster.wire.mend()
        assert place.finish(run) == Exit(0)

    def test_closing_comes_back_and_leaves_runs_alone(self, place: Place) -> None:
        run = place.run(f"echo ready; {UNTIL_GO}")
        handle = place.backend.launch(run)
        place.ready(run)
        told: list[str] = []

        def wait() -> None:
            try:
                place.backend.wait(handle, None)
            except BackendUnavailable as closed:
                told.append(str(closed))

        waiting = threading.Thread(target=wait)
        waiting.start()
        place.backend.close()
        waiting.join()
        assert told == ["the server ends; the run goes on"]
        place.backend = place.another_backend()
        (run.folders.outputs / "go").touch()
        assert place.wait(handle) == Exit(0)


class TestWatches:
    def test_one_that_has_expired_lists_anew(self, place: Place, emulated: EmulatedCluster) -> None:
        run = place.run(f"echo ready; {UNTIL_GO}; exit 9")
        handle = place.backend.launch(run)
        place.ready(run)
        place.cluster.wire.cut()
        (run.folders.outputs / "go").touch()
        place.until(lambda: place.pods(run)[0]["status"]["phase"] == "Failed")
        emulated.emulation.store.compact()
        before = len(watching(place, emulated, "pods"))
        place.cluster.wire.mend()
        assert place.wait(handle) == Exit(9)
        verbs = watching(place, emulated, "pods")[before:]
        assert verbs[:2] == ["watch", "list"]

    def test_what_went_while_it_was_expired_is_gone(
        self, place: Place, emulated: EmulatedCluster
    ) -> None:
        run = place.run("echo ready; sleep 600")
        handle = place.backend.launch(run)
        place.ready(run)
        place.cluster.wire.cut()
        place.admin.delete_pod(place.pod(run))
        place.until(lambda: place.pods(run) == [])
        emulated.emulation.store.compact()
        place.cluster.wire.mend()
        end = place.wait(handle)
        assert end.code is None

    def test_what_one_tells_late_of_a_removed_run_is_not_kept(self, place: Place) -> None:
        observed = place.backend._observed
        pod = {"metadata": {"name": "p", "uid": "u", "labels": {OBJECT: "removed"}}}
        observed.one(Kind.PODS, pod, gone=False)
        assert observed._runs.keys() == {"removed"}
        observed.forget("removed")
        observed.one(Kind.PODS, pod, gone=True)
        assert observed._runs.keys() == set()
        observed.begin("removed")
        observed.one(Kind.PODS, pod, gone=False)
        assert observed._runs.keys() == {"removed"}

    def test_there_are_two_however_many_runs(self, place: Place, emulated: EmulatedCluster) -> None:
        runs = [place.run(f"echo ready; {UNTIL_GO}") for _ in range(4)]
        handles = [place.backend.launch(run) for run in runs]
        for run in runs:
            (run.folders.outputs / "go").touch()
        assert [place.wait(handle) for handle in handles] == [Exit(0)] * 4
        for resource in ("jobs", "pods"):
            assert watching(place, emulated, resource) == ["list", "watch"]

    def test_one_that_the_cluster_ends_in_time_goes_on_from_there(
        self,
        make_place: Callable[..., Place],
        emulated: EmulatedCluster,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("compute_ref_kubernetes.cluster.WATCH", 1)
        place = make_place()
        run = place.run(f"echo ready; {UNTIL_GO}; exit 9")
        handle = place.backend.launch(run)
        place.until(
            lambda: min(len(watching(place, emulated, each)) for each in ("jobs", "pods")) >= 4
        )
        (run.folders.outputs / "go").touch()
        assert place.wait(handle) == Exit(9)
        for resource in ("jobs", "pods"):
            first, *others = watching(place, emulated, resource)
            assert (first, set(others)) == ("list", {"watch"})

    def test_a_cluster_that_is_away_is_asked_ever_more_seldom(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pauses: list[float] = []
        enough = threading.Event()

        class Closing(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                if timeout is not None:  # a thread's own event, which waits for good
                    pauses.append(timeout)
                if len(pauses) == 8:
                    enough.set()
                    self.set()
                return self.is_set()

        place.cluster.wire.cut()
        monkeypatch.setattr("compute_ref_kubernetes.watching.threading.Event", Closing)
        cluster = Cluster(place.cluster.namespace)
        Watcher(cluster, Kind.PODS, "", place.backend._observed)
        assert enough.wait(60)
        cluster.close()
        assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]
