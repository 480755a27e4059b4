"""A live server whose jobs run in the cluster."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from compute_ref.client import Asset, ComputeClient, RawCode, follow
from compute_ref.identity.keys import Account
from compute_ref.testing.kit import DATASET, sample_ddo
from tests.backends.kubernetes.clusters import AnyCluster, EmulatedCluster
from tests.backends.kubernetes.conftest import PATIENCE, Place

CONFIGURATION = """
[server]
port = 0
data_dir = "data"
[catalogue]
path = "assets"
[trust]
unpinned_images = true
[backends.kubernetes]
namespace = "{namespace}"
pending_timeout = {patience}
[[environments]]
id = "cluster"
backend = "kubernetes"
maxJobs = 2
maxJobDuration = 60
cpuNumber = 0.1
ramGB = 0.0625
diskGB = 0.01
"""
COPY = 'cat "$INPUTS"/*/0 > "$OUTPUTS/copy"; echo "$DIDS"; echo once >> "$OUTPUTS/times"\n'
STAY = "echo on; until test -e $OUTPUTS/go; do sleep 0.1; done; echo off; "


class Server:
    """``compute-ref serve`` as a process of its own, and a consumer of it."""

    def __init__(self, folder: Path, cluster: AnyCluster, account: Account) -> None:
        self._image = cluster.image
        with (folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "compute_ref", "serve", "--config", "compute-ref.toml"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=folder,
                env={**os.environ, "KUBECONFIG": cluster.kubeconfig},
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("Serving on http://"), (folder / "server.log").read_text()
        self.client = ComputeClient(line.split()[-1].rstrip("/"), account)

    def start(self, script: str, **container: str) -> str:
        image = {"image": self._image.name, "tag": self._image.tag, "entrypoint": "sh $ALGO"}
        code = RawCode(script, **{**image, **container})
        job = self.client.start(Asset(DATASET, "compute"), code, environment="cluster")
        return str(job["jobId"])

    def ended(self, job_id: str) -> dict[str, Any]:
        *_, last = follow(self.client, job_id, interval=0.1, patience=PATIENCE)
        return self.client.details(last["jobId"])

    def results(self, job: Mapping[str, Any]) -> dict[str, str]:
        found = {}
        for result in job["results"]:
            answer = self.client.open_result(job["jobId"], result["index"])
            found[result["filename"]] = answer.read().decode()
            answer.release_conn()
        return found

    def kill(self, number: signal.Signals) -> None:
        self.client.close()
        self._process.send_signal(number)
        self._process.wait(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()


Serving = Callable[..., AbstractContextManager[Server]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, cluster: AnyCluster) -> Path:
    return configured(tmp_path_factory.mktemp("server"), cluster)


def configured(folder: Path, cluster: AnyCluster) -> Path:
    """A folder with a configuration and a catalogue of one dataset."""
    (folder / "compute-ref.toml").write_text(
        CONFIGURATION.format(namespace=cluster.namespace, patience=cluster.patience)
    )
    (folder / "assets").mkdir()
    (folder / "assets" / "data.json").write_text(json.dumps(sample_ddo()))
    (folder / "assets" / "data.txt").write_text("1 2 3\n")
    return folder


@pytest.fixture(scope="module")
def serving(folder: Path, cluster: AnyCluster) -> Serving:
    """Servers one after another on one folder."""
    account = Account.create()

    @contextmanager
    def serve(number: signal.Signals = signal.SIGTERM) -> Iterator[Server]:
        server = Server(folder, cluster, account)
        try:
            yield server
        finally:
            server.kill(number)

    return serve


@pytest.fixture(scope="module")
def server(serving: Serving) -> Iterator[Server]:
    """One for all tests that do not end it."""
    with serving() as server:
        yield server


def outputs(folder: Path, job_id: str) -> Path:
    return folder / "data" / "jobs" / job_id / "1" / "outputs"


class TestMoving:
    def test_one_line_of_the_configuration_moves_a_server_to_the_cluster(
        self, tmp_path: Path, cluster: AnyCluster, place: Place
    ) -> None:
        """The same call gives the same results there, and what it gave before is kept."""
        account, jobs = Account.create(), []
        file = configured(tmp_path, cluster) / "compute-ref.toml"
        for backend in ("local", "kubernetes"):
            line = re.compile('^backend = ".*"$', re.MULTILINE)
            file.write_text(line.sub(f'backend = "{backend}"', file.read_text()))
            server = Server(tmp_path, cluster, account)
            jobs.append(server.start(COPY))
            server.ended(jobs[-1])
            ends = [server.client.details(job_id) for job_id in jobs]
            found = [server.results(end) for end in ends]
            server.kill(signal.SIGTERM)
        assert [end["finishReason"] for end in ends] == ["completed", "completed"]
        for name in ("algorithm.log", "copy", "times"):
            assert found[0][name] == found[1][name]
        place.until(lambda: place.admin.jobs() == [])


class TestCheck:
    def test_it_says_in_a_row_what_it_found(self, folder: Path, cluster: AnyCluster) -> None:
        done, row = checked(folder, cluster)
        assert done == 0
        assert row["well"]
        assert row["said"].startswith("Kubernetes v1.")

    def test_or_what_to_do_about_what_is_missing(
        self, folder: Path, emulated: EmulatedCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        api = emulated.emulation.api
        rest = [rule for rule in api.rules if "pods/log" not in rule["resources"]]
        monkeypatch.setattr(api, "rules", rest)
        done, row = checked(folder, emulated)
        assert done == 1
        assert not row["well"]
        assert "may not get pods/log: kubectl -n compute-ref apply -f" in row["said"]


def checked(folder: Path, cluster: AnyCluster) -> tuple[int, dict[str, Any]]:
    """The exit code of ``compute-ref check``, and its row about the backend."""
    done = subprocess.run(
        [sys.executable, "-m", "compute_ref", "check", "--config", "compute-ref.toml", "--json"],
        cwd=folder,
        env={**os.environ, "KUBECONFIG": cluster.kubeconfig},
        capture_output=True,
        text=True,
    )
    (row,) = [row for row in json.loads(done.stdout) if "kubernetes" in row["about"]]
    return done.returncode, row


class TestServer:
    @pytest.fixture(autouse=True)
    def nothing_is_left(self, place: Place) -> Iterator[None]:
        yield
        place.until(lambda: place.admin.jobs() == [])

    def test_a_killed_server_takes_its_runs_up_again(
        self, serving: Serving, place: Place, folder: Path
    ) -> None:
        with serving(signal.SIGKILL) as server:
            running, short = server.start(STAY + COPY), server.start(COPY + "exit 3")
            place.until((outputs(folder, short) / "times").exists)
            place.until(lambda: server.client.status(running)["status"] >= 40)
        with serving() as server:
            (outputs(folder, running) / "go").touch()
            ends = [server.ended(job_id) for job_id in (running, short)]
            found = [server.results(end) for end in ends]
            place.until(lambda: place.admin.jobs() == [])
        assert [end["finishReason"] for end in ends] == ["completed", "failed"]
        assert ends[1]["algorithmExitCode"] == 3
        assert [files["times"] for files in found] == ["once\n", "once\n"]
        assert found[0]["algorithm.log"].startswith("on\noff\n")

    def test_a_job_passes_all_statuses_and_its_results_are_published(self, server: Server) -> None:
        job = server.ended(server.start(COPY))
        found = server.results(job)
        assert (job["status"], job["finishReason"]) == (70, "completed"), job
        statuses = [entry["status"] for entry in job["statusHistory"]]
        assert statuses == [1, 10, 20, 30, 40, 50, 60, 70]
        assert sorted(found) == ["algorithm.log", "configuration.log", "copy", "times"]
        assert (found["copy"], found["times"]) == ("1 2 3\n", "once\n")

    def test_an_image_that_cannot_be_had_ends_the_job_at_32_and_says_why(
        self, server: Server, emulated: object
    ) -> None:
        job = server.ended(server.start(COPY, image="absent"))
        assert (job["status"], job["finishReason"]) == (32, "algorithmProvisioning")
        assert "is not known to its registry" in job["finishMessage"]
        assert "The image absent:" in server.results(job)["algorithm.log"]

    def test_stop_and_delete_leave_nothing_in_the_cluster(
        self, server: Server, place: Place
    ) -> None:
        stopped, deleted = server.start(STAY), server.start(STAY)
        place.until(lambda: server.client.status(stopped)["status"] >= 40)
        place.until(lambda: server.client.status(deleted)["status"] >= 40)
        server.client.stop(stopped)
        server.client.delete(deleted)
        job = server.ended(stopped)
        assert (job["status"], job["finishReason"]) == (70, "stopped")

    def test_too_much_memory_and_disk_are_told_apart(self, server: Server) -> None:
        disk = "while :; do head -c 1000000 /dev/zero >> $OUTPUTS/x; sleep 0.05; done"
        jobs = [server.start(script) for script in ("exec tail /dev/zero", disk)]
        ends = [server.ended(job_id)["finishReason"] for job_id in jobs]
        assert ends == ["outOfMemory", "storage"]
