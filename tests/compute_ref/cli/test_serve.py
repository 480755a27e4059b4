"""``compute-ref serve`` as its operator sees it: a process, what it says, how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from compute_ref.client import Asset, ComputeClient, RawCode, follow
from compute_ref.demo import DATASET, OPEN_SERVICE, copy_catalogue
from compute_ref.identity.keys import Account

PATIENCE = 60  # seconds until a test gives up on an event
CONFIGURATION = """
[server]
port = 0
data_dir = "data"
[catalogue]
path = "assets"
"""


@dataclass
class Place:
    """A folder with a configuration, a catalogue, and what servers leave there."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        copy_catalogue(self.folder / "assets")
        self.configure("")

    @property
    def file(self) -> Path:
        return self.folder / "compute-ref.toml"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def configure(self, more: str, instead: Mapping[str, str] | None = None) -> None:
        text = CONFIGURATION + more
        for old, new in (instead or {}).items():
            text = text.replace(old, new)
        self.file.write_text(text)

    @contextmanager
    def begun(self, *flags: str) -> Iterator[subprocess.Popen[str]]:
        """A server process that has just begun; it ends with the block, if it has not before."""
        with subprocess.Popen(
            [sys.executable, "-m", "compute_ref", "serve", "--config", str(self.file), *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.variables},
        ) as process:
            try:
                yield process
            finally:
                process.terminate()

    @contextmanager
    def serving(self, *flags: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
        """A server and its URL."""
        with self.begun(*flags) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            said = re.fullmatch(r"Serving on (http://127\.0\.0\.1:[0-9]+)\n", line)
            assert said is not None, line
            yield process, said[1]

    def refused(self, *flags: str) -> str:
        """The one line that a start says which must fail."""
        with self.begun(*flags) as process:
            said, line = process.communicate(timeout=PATIENCE)
            assert (process.returncode != 0, said) == (True, "")
        assert (line[:7], line.count("\n"), line[-1:]) == ("Error: ", 1, "\n"), line
        return line.removeprefix("Error: ").removesuffix("\n")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def environments(url: str) -> list[str]:
    client = ComputeClient(url)
    try:
        return [one["id"] for one in client.environments()]
    finally:
        client.close()


def test_the_first_line_says_where_it_serves(place: Place) -> None:
    second = ("--data-dir", str(place.folder / "other"))
    with place.serving() as (_, url), place.serving(*second) as (_, other):
        assert environments(url) == environments(other) == ["local"]
        assert url != other


def wrong_key(place: Place) -> tuple[str, ...]:
    place.configure("", {"port": "prot"})
    return str(place.file), "server.prot: no such key", "did you mean port?"


def wrong_type(place: Place) -> tuple[str, ...]:
    place.configure("", {"port = 0": 'port = "any"'})
    return str(place.file), "server.port: must be a whole number", "'any'"


def wrong_path(place: Place) -> tuple[str, ...]:
    place.configure("", {"assets": "nowhere"})
    return str(place.file), "catalogue.path: must be a folder that is there", "make it first"


def unknown_backend(place: Place) -> tuple[str, ...]:
    environment = '[[environments]]\nid = "{0}"\nbackend = "{0}"\n'
    place.configure(environment.format("local") + environment.format("gone"))
    return str(place.file), "environments[1].backend: ", '"gone"', "compute-ref[gone]"


def wrong_option(place: Place) -> tuple[str, ...]:
    place.configure('[backends.local]\nsandbox = "maybe"')
    place.variables["COMPUTE_REF_BACKENDS_LOCAL_UID_BASE"] = "70000"
    return str(place.file), "backends.local.sandbox: must be one of auto, require, none"


def wrong_variable(place: Place) -> tuple[str, ...]:
    place.configure('[backends.local]\nsandbox = "auto"\nuid_base = 70000')
    place.variables["COMPUTE_REF_BACKENDS_LOCAL_SANDBOX"] = "maybe"
    return ("COMPUTE_REF_BACKENDS_LOCAL_SANDBOX: backends.local.sandbox: must be one of",)


def no_sandbox(place: Place) -> tuple[str, ...]:
    place.configure('[backends.local]\nsandbox = "require"')
    place.variables["PATH"] = ""
    return f"{place.file}: backends.local.sandbox: no sandbox", "Install bubblewrap"


def no_sandbox_by_variable(place: Place) -> tuple[str, ...]:
    place.configure('[backends.local]\nsandbox = "none"')
    place.variables |= {"PATH": "", "COMPUTE_REF_BACKENDS_LOCAL_SANDBOX": "require"}
    return "COMPUTE_REF_BACKENDS_LOCAL_SANDBOX: backends.local.sandbox: no sandbox", "Install"


def no_sandbox_elsewhere(place: Place) -> tuple[str, ...]:
    place.configure("", {"port = 0": 'port = 0\nhost = "127.1"'})  # not plainly a loopback
    place.variables["PATH"] = ""
    return f"{place.file}: server.host: no sandbox", "address of loopback", "Install bubblewrap"


def no_sandbox_elsewhere_by_variable(place: Place) -> tuple[str, ...]:
    place.variables |= {"PATH": "", "COMPUTE_REF_SERVER_HOST": "127.1"}
    return "COMPUTE_REF_SERVER_HOST: server.host: no sandbox", "loopback", "Install bubblewrap"


def no_folder(place: Place) -> tuple[str, ...]:
    place.data.parent.joinpath("file").touch()
    place.configure("", {'"data"': '"file/data"'})
    return str(place.file), "server.data_dir: ", "file/data: Not a directory; name a folder"


def damaged_store(place: Place) -> tuple[str, ...]:
    place.data.mkdir()
    (place.data / "store.journal").write_bytes(b"x" * 1_000)
    return str(place.data / "store.journal"), "damaged at byte 0", "compute-ref store check"


def unsafe_key(place: Place) -> tuple[str, ...]:
    with place.serving():
        pass
    (place.data / "provider.key").chmod(0o644)
    return str(place.data / "provider.key"), "chmod 600"


def two_plugins(place: Place) -> tuple[str, ...]:
    for distribution in ("first-plugin", "second-plugin"):
        folder = place.folder / f"{distribution}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Name: {distribution}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text("[compute_ref]\ntwice = json\n")
    place.variables["PYTHONPATH"] = str(place.folder)
    return "twice", "first-plugin", "second-plugin", "uninstall"


SPOILT = [
    *(wrong_key, wrong_type, wrong_path, unknown_backend, wrong_option, wrong_variable),
    *(no_sandbox, no_sandbox_by_variable, no_sandbox_elsewhere, no_sandbox_elsewhere_by_variable),
    *(no_folder, damaged_store, unsafe_key, two_plugins),
]


@pytest.mark.parametrize("spoil", SPOILT)
def test_what_cannot_start_says_why_in_one_line(
    place: Place, spoil: Callable[[Place], tuple[str, ...]]
) -> None:
    expected = spoil(place)
    line = place.refused()
    assert [text for text in expected if text not in line] == [], line


def test_a_refused_start_leaves_nothing_open(place: Place) -> None:
    """Neither the folder nor the port, so that the mended start has both."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"server.port {port}: cannot listen there" in place.refused("--port", str(port))
    place.configure('[backends.local]\nsandbox = "maybe"')
    place.refused("--port", str(port))
    place.configure("")
    with place.serving("--port", str(port)) as (_, url):
        assert url.endswith(f":{port}")


def test_a_second_server_on_a_folder_is_refused_and_the_first_goes_on(place: Place) -> None:
    with place.serving() as (process, url):
        line = place.refused()
        assert f"{place.data} belongs to a running server, process {process.pid}" in line
        assert "choose another server.data_dir" in line
        assert environments(url) == ["local"]


BEATING = """
until test -e "$OUTPUTS/go"; do echo beat >> "$OUTPUTS/beats"; sleep 0.05; done
echo on > "$OUTPUTS/end"
"""


def until(true: Callable[[], bool]) -> None:
    """Return once `true()` is; files and servers of others have no event to wait for."""
    give_up = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < give_up
        threading.Event().wait(0.05)


def test_sigterm_ends_it_in_time_and_the_algorithm_goes_on(place: Place) -> None:
    account = Account.create()
    place.configure('[[environments]]\nid = "local"\nbackend = "local"\nmaxJobDuration = 60')
    with place.serving() as (process, url):
        client = ComputeClient(url, account)
        started = client.start(Asset(DATASET, OPEN_SERVICE), RawCode(BEATING, "sh $ALGO"))
        outputs = place.data / "jobs" / started["jobId"] / "1" / "outputs"
        until((outputs / "beats").exists)
        assert client.status(started["jobId"])["status"] in (30, 40)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert time.monotonic() - began < 5
        client.close()
    beats = (outputs / "beats").stat().st_size
    until(lambda: (outputs / "beats").stat().st_size > beats)
    with place.serving("--port", url.rpartition(":")[2]) as (_, again):
        assert again == url
        (outputs / "go").touch()
        client = ComputeClient(url, account)
        *_, ended = follow(client, started["jobId"], interval=0.1)
        assert (ended["status"], ended["finishReason"]) == (70, "completed")
        assert "end" in [result["filename"] for result in ended["results"]]
        client.close()
