"""Hostile algorithms at a live server: each is contained, and the server stays well."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.endurance.attacks import AFTER, ANYWHERE, BEFORE, SANDBOXED, Attack
from tests.endurance.live import (
    Consumer,
    Live,
    await_status,
    call,
    final_job,
    prepare,
    processes_of,
    publish,
)

SMALL = """
ramGB = 0.1
diskGB = 0.02
processes = 16
logMB = 0.1
"""
CONFIGURATION = f"""
[[environments]]
id = "local"
backend = "local"
maxJobs = 4
maxJobDuration = 120
{SMALL}
[[environments]]
id = "brief"
backend = "local"
maxJobDuration = 1
{SMALL}
[backends.local]
"""
VICTIM = "did:op:" + "2" * 64


@dataclass
class Outcome:
    """A job as it ended, its files by name, and what of it was alive after its end."""

    job: dict[str, Any]
    files: dict[str, bytes]
    alive: list[int]

    @property
    def outputs(self) -> set[str]:
        return {one["filename"] for one in self.job["results"] if one["type"] == "output"}


@dataclass
class Siege:
    """A live server with things that are nobody's business, and who attacks it."""

    server: Live
    victim: str
    folder: Path
    intruder: str = field(default_factory=lambda: "intruder-" + secrets.token_hex(8))
    consumer: Consumer = field(default_factory=Consumer)
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @property
    def places(self) -> list[Path]:
        """Files and folders of the server that an algorithm must not see."""
        data = self.folder / "data"
        run = data / "jobs" / self.victim / "1"
        files = ["provider.key", "store.journal", "store.lock", "notes.txt"]
        return [
            *(Path("/etc/shadow"), data, *(data / name for name in files)),
            *(run / "inputs" / VICTIM[7:] / "0", run / "outputs" / "copy", run / "control"),
            *(self.folder / "compute-ref.toml", self.folder / "assets" / "victim.txt"),
        ]

    @property
    def secrets(self) -> list[bytes]:
        """What must be in nothing that leaves the server."""
        data = self.folder / "data"
        key = (data / "provider.key").read_text().strip().removeprefix("0x")
        told = [key, str(self.folder)]
        told += [(self.folder / "assets" / "victim.txt").read_text()]
        told += [(data / "notes.txt").read_text(), *_shadow()]
        return [text.encode() for text in told]

    def known(self, abstract: str) -> dict[str, Any]:
        return {
            "places": [str(path) for path in self.places],
            "folders": [str(path) for path in (self.folder, *self.folder.glob("*/"))],
            "pid": str(self.server.process.pid),
            "host": self.server.netloc.split(":")[0],
            "port": int(self.server.netloc.split(":")[1]),
            "socket": abstract,
            "intruder": self.intruder,
        }

    def run(self, attacks: Mapping[str, Attack]) -> None:
        """All attacks, as many at a time as there are places."""
        with listening() as abstract:
            known, netloc = self.known(abstract), self.server.netloc
            ids = {
                name: self.consumer.started(
                    netloc,
                    BEFORE + attack.code + AFTER,
                    entrypoint="python3 $ALGO",
                    environment=attack.environment,
                    custom=known,
                )
                for name, attack in attacks.items()
            }
            for name, job_id in ids.items():
                self.outcomes[name] = self.outcome(job_id)

    def outcome(self, job_id: str) -> Outcome:
        job = final_job(self.consumer, self.server, job_id)
        files = {}
        for result in job["results"]:
            answer = self.consumer.result(self.server.netloc, job_id, result["index"])
            assert answer.status == 200, answer.body
            assert hashlib.sha256(answer.body).hexdigest() == result["sha256"]
            files[result["filename"]] = answer.body
        return Outcome(job, files, processes_of(job_id))


def _shadow() -> list[str]:
    try:
        return Path("/etc/shadow").read_text().splitlines()[:1]
    except PermissionError:
        return []


@contextmanager
def listening() -> Iterator[str]:
    """A socket of this machine without a file; gives its name."""
    name = "compute-ref-" + secrets.token_hex(8)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("\0" + name)
        made.listen(100)
        yield name


@contextmanager
def siege(sandbox: str) -> Iterator[Siege]:
    """A server on a folder that every user may pass, and a job of somebody else that runs."""
    folder = Path(tempfile.mkdtemp(prefix="compute-ref-test-"))
    folder.chmod(0o711)
    try:
        configuration = prepare(folder, f'{CONFIGURATION}sandbox = "{sandbox}"\n')
        (folder / "assets" / "victim.txt").write_text(secrets.token_hex(32))
        publish(folder / "assets", {"type": "file", "path": "victim.txt"}, VICTIM)
        with Live(configuration) as server:
            (folder / "data" / "notes.txt").write_text(secrets.token_hex(32))
            other = Consumer()
            code = 'cat "$INPUTS"/*/0 > "$OUTPUTS"/copy; sleep 600'
            victim = other.started(server.netloc, code, dataset=VICTIM)
            await_status(other, server, victim, 40)
            yield Siege(server, victim, folder)
            stopped = other.change(server.netloc, "PUT", victim).json
            assert stopped[0]["status"] == 7
            assert final_job(other, server, victim)["finishReason"] == "stopped"
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def sandboxed() -> Iterator[Siege]:
    with siege("require") as made:
        made.run({**ANYWHERE, **SANDBOXED})
        yield made


@pytest.fixture(scope="module")
def bare() -> Iterator[Siege]:
    """Without a sandbox, limits hold all the same."""
    with siege("none") as made:
        made.run(ANYWHERE)
        yield made


def assert_contained(siege: Siege, name: str, attack: Attack) -> None:
    outcome = siege.outcomes[name]
    assert outcome.files.get("succeeded") is None
    assert (outcome.job["finishReason"], outcome.outputs) == (attack.reason, set(attack.outputs))
    assert outcome.job["status"] == 70
    assert attack.said in outcome.files["algorithm.log"].decode()
    assert outcome.alive == []
    told = json.dumps(outcome.job).encode() + b"".join(outcome.files.values())
    assert [secret for secret in siege.secrets if secret in told] == []


def assert_well(siege: Siege) -> None:
    """The same process answers, and an honest job has what it should."""
    server, honest = siege.server, Consumer()
    assert server.process.poll() is None
    (environment, *_) = call(
        server.netloc, "GET", "/api/services/computeEnvironments", {"chainId": 8996}
    ).json
    assert environment["currentJobs"] == 1  # the victim's
    job_id = honest.started(server.netloc, 'cat "$INPUTS"/*/0 > "$OUTPUTS/copy"')
    job = final_job(honest, server, job_id)
    assert (job["finishReason"], job["results"][0]["filename"]) == ("completed", "copy")
    assert honest.result(server.netloc, job_id, 0).body == b"1 2 3\n"


@pytest.mark.parametrize("name", [*ANYWHERE, *SANDBOXED])
def test_in_the_sandbox_it_is_contained(sandboxed: Siege, name: str) -> None:
    assert_contained(sandboxed, name, {**ANYWHERE, **SANDBOXED}[name])


def test_nothing_outside_of_the_sandbox_has_changed(sandboxed: Siege) -> None:
    assert not list(sandboxed.folder.rglob(f"{sandboxed.intruder}*"))
    for place in ("/", "/tmp", "/dev", "/dev/shm", "/usr/bin", "/etc", "/root", "/var", "/run"):
        assert not list(Path(place).glob(f"{sandboxed.intruder}*"))
    files = [path for path in sandboxed.places if path.is_file()]
    assert [path for path in files if path.stat().st_nlink > 1] == []
    assert [path for path in files if path.read_bytes().endswith(b"intruder")] == []


def test_the_server_is_the_same_and_well_after_all_attacks(sandboxed: Siege) -> None:
    assert_well(sandboxed)


@pytest.mark.parametrize("name", ANYWHERE)
def test_without_a_sandbox_limits_hold_too(bare: Siege, name: str) -> None:
    assert_contained(bare, name, ANYWHERE[name])


def test_a_server_without_a_sandbox_is_the_same_and_well_after_all_attacks(bare: Siege) -> None:
    assert_well(bare)
