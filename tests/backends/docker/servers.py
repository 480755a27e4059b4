"""A whole server of a test, with a Docker environment beside a local one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from compute_ref.client import Asset, ComputeClient, RawCode, follow
from compute_ref.identity.keys import Account
from compute_ref.testing.kit import DATASET, sample_ddo
from tests.backends.docker.daemons import PATIENCE, until

CONFIGURATION = """
[server]
host = "{listen}"
port = {port}
data_dir = "data"
{more}
[catalogue]
path = "assets"
[trust]
unpinned_images = {unpinned}
[backends.docker]
host = "{docker}"
{options}
[[environments]]
id = "docker"
backend = "docker"
maxJobs = 2
maxJobDuration = {seconds}
cpuNumber = 0.5
ramGB = 0.0625
diskGB = 0.01
processes = 40
"""
LOCAL = '[[environments]]\nid = "local"\nbackend = "local"\n'
USUAL = {
    "listen": "127.0.0.1",
    "port": 0,
    "more": "",
    "options": "",
    "unpinned": "true",
    "seconds": 60,
}
DATA = "1 2 3\n"
#: an algorithm that does the same wherever it runs
COPY = 'cat "$INPUTS"/*/0 > "$OUTPUTS/copy"; echo "$DIDS"; echo once >> "$OUTPUTS/times"\n'
#: one that tells all it was given
LOOK = """
cd "$VOLUME"; pwd
export LC_ALL=C
find . -path ./logs -prune -o -print | sort
cat inputs/algoCustomData.json; echo
for folder in . inputs ddos transformations outputs logs; do
    test -w $folder && echo "may write to $folder"
done
for file in inputs/*/* ddos/* transformations/*; do
    test -w $file && echo "may write to $file"
    cat $file
done
env | grep -E '^(DIDS|TRANSFORMATION_DID|VOLUME|INPUTS|OUTPUTS|LOGS)=' | sort
test -x transformations/algorithm && test ${#secret} -gt 15 && echo all
"""
#: and one that goes on until it is let go
STAY = "echo on; : > $OUTPUTS/on; until test -e $OUTPUTS/go; do sleep 0.1; done; echo off; "


def prepare(folder: Path, docker: str, **told: Any) -> Path:
    """A configuration and a catalogue of one dataset in `folder`; returns the configuration."""
    (folder / "assets").mkdir(parents=True)
    (folder / "assets" / "data.json").write_text(json.dumps(sample_ddo()))
    (folder / "assets" / "data.txt").write_text(DATA)
    given = {**USUAL, **told}
    configuration = folder / "compute-ref.toml"
    configuration.write_text(CONFIGURATION.format(docker=docker, **given))
    return configuration


class Server:
    """``compute-ref serve`` as a process of its own."""

    def __init__(self, configuration: Path, *words: str) -> None:
        self.log = configuration.with_name("server.log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "compute_ref", "serve", "--config", configuration, *words],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("Serving on http://"), line + self.log.read_text()
        self.url = line.split()[-1].rstrip("/")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@contextmanager
def serving(configuration: Path, *words: str) -> Iterator[Server]:
    server = Server(configuration, *words)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.end()


@contextmanager
def calling(url: str, account: Account | None = None) -> Iterator[ComputeClient]:
    client = ComputeClient(url, account or Account.create())
    try:
        yield client
    finally:
        client.close()


def start(
    client: ComputeClient, script: str, environment: str = "docker", **container: str
) -> Mapping[str, Any]:
    """Start a script on the dataset."""
    told = {"image": "base", "tag": "1", "entrypoint": "sh $ALGO", **container}
    return client.start(Asset(DATASET, "compute"), RawCode(script, **told), environment=environment)


def ended(client: ComputeClient, job: Mapping[str, Any]) -> dict[str, Any]:
    """The job as its owner sees it once it is final."""
    *_, last = follow(client, job["jobId"], interval=0.1, patience=PATIENCE)
    return client.details(last["jobId"])


def reached(client: ComputeClient, job: Mapping[str, Any], status: int) -> None:
    """Return once the job is at a status, or past it."""
    until(lambda: client.status(job["jobId"])["status"] >= status, f"status {status}")


def runs(client: ComputeClient, folder: Path, job: Mapping[str, Any]) -> None:
    """Return once the algorithm runs and the server knows it."""
    reached(client, job, 40)
    until((outputs(folder, job) / "on").exists, "its start")


def completed(server: Server, job: Mapping[str, Any]) -> None:
    """Assert that the job came to its good end."""
    end = (job["status"], job["finishReason"], job["algorithmExitCode"])
    assert end == (70, "completed", 0), (job, server.log.read_text()[-3000:])


def outputs(folder: Path, job: Mapping[str, Any]) -> Path:
    """Where the algorithm of a job below `folder` writes."""
    return folder / "data" / "jobs" / str(job["jobId"]) / "1" / "outputs"


def results(client: ComputeClient, job: Mapping[str, Any]) -> dict[str, str]:
    """Every result of a job by its name."""
    found = {}
    for result in job["results"]:
        answer = client.open_result(job["jobId"], result["index"])
        found[result["filename"]] = answer.read().decode()
        answer.release_conn()
    return found
