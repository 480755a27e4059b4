"""Runs that the cluster, or somebody in it, brings to an end: each is told apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from compute_ref.plugins import AlgorithmUnavailable, Exit, ExitReason, Image
from compute_ref_kubernetes import endings
from compute_ref_kubernetes.labels import object_name
from tests.backends.kubernetes.access import Object
from tests.backends.kubernetes.clusters import AnyCluster, EmulatedCluster
from tests.backends.kubernetes.conftest import Place

FOREVER = "echo ready; sleep 600"


class TestImages:
    def test_one_that_cannot_be_pulled_ends_the_launch_without_a_word_of_the_nodes(
        self,
        make_place: Callable[..., Place],
        cluster: AnyCluster,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        place = make_place(pending_timeout=5 if cluster.emulated else 45)
        run = replace(place.run("true"), image=Image("registry.invalid/nothing", "1", ""))
        with pytest.raises(AlgorithmUnavailable) as refused:
            place.backend.launch(run)
        assert str(refused.value) == (
            "The image registry.invalid/nothing:1 could not be pulled from its registry."
            " Try again later."
        )
        assert "no such host" in caplog.text
        assert place.pods(run) == []

    def test_one_that_the_registry_does_not_have_ends_it_at_once(
        self, place: Place, emulated: EmulatedCluster
    ) -> None:
        run = replace(place.run("true"), image=Image("absent", "1", ""))
        with pytest.raises(AlgorithmUnavailable, match=r"absent:1 is not known to its registry\.$"):
            place.backend.launch(run)

    def test_one_without_a_shell(self, place: Place, emulated: EmulatedCluster) -> None:
        run = replace(place.run("true"), image=Image("shellless", "1", ""))
        with pytest.raises(AlgorithmUnavailable, match="The image has no shell"):
            place.backend.launch(run)

    def test_launching_it_again_says_the_same(
        self, place: Place, emulated: EmulatedCluster
    ) -> None:
        run = replace(place.run("true"), image=Image("absent", "1", ""))
        for _ in range(2):
            with pytest.raises(AlgorithmUnavailable, match="not known"):
                place.backend.launch(run)
            place.restart()

    def test_one_from_a_registry_that_the_operator_does_not_allow(
        self, make_place: Callable[..., Place]
    ) -> None:
        place = make_place(registries=["example.org"])
        run = replace(place.run("true"), image=Image("other.example.org/a", "1", ""))
        with pytest.raises(AlgorithmUnavailable, match="other.example.org/a:1 is in a registry"):
            place.backend.launch(run)
        assert place.pods(run) == []


class TestWaiting:
    def test_a_pod_for_which_no_node_has_room(self, make_place: Callable[..., Place]) -> None:
        place = make_place(pending_timeout=8)
        run = place.run("true", memory=2**50)
        end = place.finish(run)
        assert (end.code, end.reason) == (None, ExitReason.BACKEND)
        assert re.search(r"within 8 seconds: 0/1 nodes .*nsufficient memory", end.message)
        assert place.pods(run) == []

    def test_a_job_of_which_the_cluster_makes_no_pod(
        self,
        make_place: Callable[..., Place],
        emulated: EmulatedCluster,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr(emulated.emulation, "_make_pod", lambda job: None)
        place = make_place(pending_timeout=1)
        run = place.run("true")
        name = object_name(place.name(run))
        event = {
            "metadata": {"name": f"{name}.1"},
            "type": "Warning",
            "reason": "FailedCreate",
            "message": "exceeded quota: pods=0",
            "involvedObject": {"kind": "Job", "name": name},
        }
        emulated.emulation.store.create("events", emulated.namespace, event)
        end = place.finish(run)
        assert (end.code, end.reason) == (None, ExitReason.BACKEND)
        assert end.message.endswith("within 1 seconds: FailedCreate")
        assert "exceeded quota: pods=0" in caplog.text

    def test_a_volume_that_is_not_the_servers(
        self, make_place: Callable[..., Place], tmp_path: Path
    ) -> None:
        place = make_place()
        (tmp_path / "elsewhere").mkdir(mode=0o755)
        place.backend = place.another_backend(host_data_dir=tmp_path / "elsewhere")
        run = place.run("echo never > $OUTPUTS/never")
        end = place.finish(run)
        assert (end.code, end.reason) == (None, ExitReason.BACKEND)
        assert "did not see the server's data folder" in end.message


class TestEvictions:
    def test_a_pod_that_somebody_deletes(self, place: Place) -> None:
        run = place.run("echo ready; sleep 600; exit 7")
        handle = place.backend.launch(run)
        place.ready(run)
        place.admin.delete_pod(place.pod(run), grace=5)
        end = place.wait(handle)
        assert place.recalled(end, 7) == Exit(7, ExitReason.EVICTED, endings.DELETED)
        assert place.log(run).endswith(f"[{endings.DELETED}]\n")

    def test_a_job_that_somebody_deletes(self, place: Place) -> None:
        run = place.run("echo ready; sleep 600; exit 7")
        handle = place.backend.launch(run)
        place.ready(run)
        place.admin.delete_job(object_name(handle.name))
        assert place.wait(handle).reason is ExitReason.EVICTED

    def test_a_node_that_needs_the_place(self, place: Place, emulated: EmulatedCluster) -> None:
        said = "The node was low on resource: memory."
        run = place.run(FOREVER)
        handle = place.backend.launch(run)
        place.ready(run)
        emulated.emulation.fail_pod(place.pod(run), emulated.namespace, "Evicted", said)
        end = place.wait(handle)
        assert (end.code, end.reason, end.message) == (143, ExitReason.EVICTED, said)

    def test_a_node_on_which_it_wrote_too_much(
        self, place: Place, emulated: EmulatedCluster
    ) -> None:
        said = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi."
        run = place.run(FOREVER)
        handle = place.backend.launch(run)
        place.ready(run)
        emulated.emulation.fail_pod(place.pod(run), emulated.namespace, "Evicted", said)
        end = place.wait(handle)
        assert (end.reason, end.message) == (ExitReason.STORAGE, said)

    def test_something_more_important(self, place: Place, emulated: EmulatedCluster) -> None:
        said = "preempting to accommodate a higher priority pod"
        run = place.run(FOREVER)
        handle = place.backend.launch(run)
        place.ready(run)
        emulated.emulation.disrupt(
            place.pod(run), emulated.namespace, "PreemptionByScheduler", said
        )
        end = place.wait(handle)
        assert (end.reason, end.message) == (ExitReason.EVICTED, said)

    def test_the_clusters_own_deadline(
        self,
        make_place: Callable[..., Place],
        cluster: AnyCluster,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("compute_ref_kubernetes.bounds.Bounds.exceeded", lambda *_: None)
        monkeypatch.setattr("compute_ref_kubernetes.manifest.GRACE", 2)
        place = make_place(pending_timeout=12 if cluster.emulated else 40)
        run = place.run("echo ready; sleep 600", seconds=1)
        end = place.finish(run)
        assert end.reason is ExitReason.TIMEOUT
        assert place.log(run).endswith("[The algorithm reached the time limit.]\n")


class TestLosses:
    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A log that a lost node does not end is not waited for as long as usual."""
        monkeypatch.setattr("compute_ref_kubernetes.following.PATIENCE", 0.5)

    def test_a_node_that_does_not_answer_any_more(
        self, place: Place, emulated: EmulatedCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(endings, "OVERDUE", timedelta(seconds=1))
        run = place.run(FOREVER)
        handle = place.backend.launch(run)
        place.ready(run)
        pod = place.pod(run)
        emulated.emulation.lose_node(pod, emulated.namespace)
        end = place.wait(handle)
        emulated.emulation.frozen = False
        assert end == endings.LOST_NODE

    def test_a_pod_of_which_nothing_is_left(self, place: Place, emulated: EmulatedCluster) -> None:
        run = place.run(FOREVER)
        handle = place.backend.launch(run)
        place.ready(run)
        emulated.emulation.wipe_pod(place.pod(run), emulated.namespace)
        end = place.wait(handle)
        emulated.emulation.frozen = False
        assert end == Exit(None, ExitReason.LOST, endings.LOST_POD)

    def test_all_of_it_while_no_server_was_there(self, place: Place) -> None:
        run = place.run(FOREVER)
        handle = place.backend.launch(run)
        place.ready(run)
        place.backend.close()
        place.admin.delete_job(object_name(handle.name))
        place.until(lambda: place.pods(run) == [])
        place.backend = place.another_backend()
        found = place.backend.find(handle.name)
        assert found is not None
        assert place.wait(found).reason is ExitReason.LOST


class TestOnce:
    @pytest.fixture
    def legacy(self, cluster: AnyCluster) -> Iterator[None]:
        """A cluster that makes a second pod, as those before 1.26 do; a real one may be one."""
        if isinstance(cluster, EmulatedCluster):
            cluster.emulation.legacy = True
        yield
        if isinstance(cluster, EmulatedCluster):
            cluster.emulation.legacy = False

    def test_a_second_pod_does_not_begin_the_algorithm_again(
        self, place: Place, legacy: None
    ) -> None:
        run = place.run("echo once >> $OUTPUTS/times; echo ready; sleep 600")
        handle = place.backend.launch(run)
        place.ready(run)
        place.backend.close()
        place.admin.delete_pod(place.pod(run))
        place.until(lambda: all(_over(pod) for pod in place.pods(run)))
        place.backend = place.another_backend()
        assert place.wait(handle).reason in (ExitReason.LOST, ExitReason.EVICTED)
        assert place.output(run, "times") == "once\n"

    def test_while_the_server_watches_the_first_pods_end_is_told(
        self, place: Place, legacy: None
    ) -> None:
        run = place.run("echo once >> $OUTPUTS/times; echo ready; sleep 600; exit 7")
        handle = place.backend.launch(run)
        place.ready(run)
        place.admin.delete_pod(place.pod(run), grace=5)
        end = place.wait(handle)
        assert place.recalled(end, 7) == Exit(7, ExitReason.EVICTED, endings.DELETED)
        assert place.output(run, "times") == "once\n"


def _over(pod: Object) -> bool:
    return pod["status"]["phase"] in ("Succeeded", "Failed")
