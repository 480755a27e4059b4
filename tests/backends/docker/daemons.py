"""Daemons that tests start for themselves: Docker Engine, Podman's service, a registry."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import docker

PATIENCE = 60  # seconds of real time, after which a test gives up
ENDING = 30  # seconds that a daemon may take to end
USER, PASSWORD = "reader", "open sesame"
HASHED = "reader:$2y$05$FZRTmQPzJoYnxuZFMX9S0ergiZFdq6QvH.odGCZlSeVeUgz4u9o7q"  # of the above

REGISTRY = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}/data}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""
AUTH = "auth: {{htpasswd: {{realm: tests, path: {folder}/users}}}}\n"
REGISTRIES = '[[registry]]\nlocation = "{host}"\ninsecure = true\n'


def until(true: Callable[[], Any], what: str = "it") -> Any:
    """What `true()` returns once that is something."""
    pause, end = threading.Event(), time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = true()
        if found:
            return found
        pause.wait(0.02)
    raise AssertionError(f"{what} did not come to pass")


def running() -> Iterator[int]:
    """Processes that are not merely waiting to be reaped."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            state = of_process(int(entry.name), "stat", b" ")
            if len(state) > 2 and state[2] not in (b"Z", b"X"):
                yield int(entry.name)


def of_process(pid: int, file: str, divider: bytes = b"\0") -> list[bytes]:
    """The parts of a file of /proc, none where the process is gone."""
    try:
        return Path(f"/proc/{pid}/{file}").read_bytes().split(divider)
    except OSError:
        return []


def mounts_below(folder: Path) -> list[str]:
    """What a daemon left mounted, innermost first."""
    places = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    return [place for place in reversed(places) if Path(place).is_relative_to(folder)]


@contextmanager
def short_folder(prefix: str) -> Iterator[Path]:
    """A folder with a path short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        for mounted in mounts_below(folder):
            subprocess.run(["umount", "--lazy", mounted], check=True)
        shutil.rmtree(folder)


class Engine:
    """A daemon with a Docker API on a socket in `folder`; it can be ended and started again."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.options = options
        self.log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "s"

    @property
    def host(self) -> str:
        return f"unix://{self.socket}"

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        return {}

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,  # what Podman starts leaves files where it is
                env={**os.environ, **self.environment()},
                start_new_session=True,
            )
        until(self.answers, "the start of a daemon")

    def answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()[-3000:]
        if not self.socket.exists():
            return False
        with self.client() as api:
            try:
                return bool(api.ping())
            except (docker.errors.DockerException, OSError):
                return False

    @contextmanager
    def client(self) -> Iterator[Any]:
        """A client of the test's own."""
        api = docker.APIClient(base_url=self.host, version="1.41", timeout=PATIENCE)
        try:
            yield api
        finally:
            api.close()

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the daemon; it is gone on return."""
        if self._process is None:
            return
        self._process.send_signal(number)
        self._process.wait(ENDING)
        self._process = None
        until(lambda: not self.helpers(), "the end of what a daemon had started for itself")
        # its number may be a zombie's, which the next daemon would take for a living one
        (self.folder / "exec/containerd/containerd.pid").unlink(missing_ok=True)

    def helpers(self) -> list[int]:
        """Daemons that this one started for itself, and that end along with it."""
        mark = f"{self.folder}/exec/containerd/containerd.toml".encode()
        return [pid for pid in running() if mark in of_process(pid, "cmdline")]

    def end_shims(self) -> None:
        """End what a killed daemon left behind for containers that it no longer knew."""
        mark = f"{self.folder}/exec/containerd/containerd.sock".encode()
        for pid in running():
            if mark in of_process(pid, "cmdline"):
                os.kill(pid, signal.SIGKILL)

    def restart(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.end(number)
        self.start()

    def clear(self) -> None:
        """Remove all containers; on return there is none, whoever removed it."""
        with self.client() as api:
            for container in api.containers(all=True):
                with suppress(docker.errors.APIError):  # gone, or its removal is under way
                    api.remove_container(container, force=True, v=True)
            until(lambda: not api.containers(all=True), "the removal of all containers")

    def run(self, *command: str, image: str = "base:1", **options: Any) -> str:
        """Run a container of the test's own to its end; returns what it wrote."""
        with self.client() as api:
            made = api.create_container(image, command=list(command), **options)
            try:
                api.start(made)
                api.wait(made)
                return str(api.logs(made).decode())
            finally:
                api.remove_container(made, force=True)


class Dockerd(Engine):
    """Docker Engine, with everything of its own in `folder`."""

    def command(self) -> list[str]:
        places = {"data-root": "data", "exec-root": "exec", "pidfile": "pid"}
        options = [f"--{option}={self.folder / name}" for option, name in places.items()]
        return ["dockerd", f"--host={self.host}", *options, *self.options]


class Podman(Engine):
    """Podman's service, with everything of its own in `folder`."""

    def command(self) -> list[str]:
        folder = self.folder
        places = {"root": "data", "runroot": "run", "tmpdir": "tmp", "network-config-dir": "nets"}
        options = [f"--{option}={folder / name}" for option, name in places.items()]
        options += ["--cgroup-manager=cgroupfs", "--events-backend=file", "--storage-driver=vfs"]
        return ["podman", *options, *self.options, "system", "service", "--time=0", self.host]

    def helpers(self) -> list[int]:
        """Also those that clean up after containers, and make the folder anew if they are late."""
        return list(self._processes(b"podman"))

    def end_shims(self) -> None:
        """End what would clean up after commands in containers, five minutes after them."""
        for pid in self._processes(b"conmon"):
            with suppress(ProcessLookupError):  # the parent of another one, which ends with it
                os.kill(pid, signal.SIGKILL)

    def _processes(self, program: bytes) -> Iterator[int]:
        """Those of a program that were started for this service."""
        place = os.fsencode(self.folder)
        for pid in running():
            words = of_process(pid, "cmdline")
            if words[:1] and words[0].endswith(program) and any(place in word for word in words):
                yield pid

    def environment(self) -> Mapping[str, str]:
        """Registries as ``allow`` says."""
        return {"CONTAINERS_REGISTRIES_CONF": str(self.folder / "registries.conf")}

    def allow(self, registry: str) -> None:
        """Let images be pulled from a registry without TLS."""
        (self.folder / "registries.conf").write_text(REGISTRIES.format(host=registry))


class Registry:
    """docker-registry on a free port of loopback; `private` asks for USER and PASSWORD."""

    def __init__(self, folder: Path, *, private: bool) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self._private = private
        settings = folder / "config.yml"
        told = REGISTRY + (AUTH if private else "")
        settings.write_text(told.format(folder=folder, port=self.port))
        (folder / "users").write_text(HASHED)
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["docker-registry", "serve", str(settings)], stdout=log, stderr=log
            )
        until(self._answers, "the start of a registry")

    def _answers(self) -> bool:
        assert self._process.poll() is None
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def push(self, engine: Engine, source: str, name: str) -> str:
        """Put an image of an engine into the registry; returns its digest there."""
        credentials = {"username": USER, "password": PASSWORD} if self._private else None
        with engine.client() as api:
            api.tag(source, f"{self.host}/{name}", "1")
            said = api.push(
                f"{self.host}/{name}", "1", stream=True, decode=True, auth_config=credentials
            )
            lines = list(said)
            api.remove_image(f"{self.host}/{name}:1", force=True)
        digest = re.search(r"digest: (sha256:[0-9a-f]{64})", str(lines))
        assert digest, lines
        return digest[1]

    def credentials(self, folder: Path, password: str = PASSWORD) -> None:
        """Write a configuration of Docker's that has them."""
        both = base64.b64encode(f"{USER}:{password}".encode()).decode()
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps({"auths": {self.host: {"auth": both}}}))

    def helper(self, folder: Path) -> None:
        """Write a configuration of Docker's that names a program, and the program, which has them.

        Put `folder` into PATH.
        """
        (folder / "config.json").write_text(json.dumps({"credHelpers": {self.host: "test"}}))
        program = folder / "docker-credential-test"
        told = json.dumps({"ServerURL": self.host, "Username": USER, "Secret": PASSWORD})
        program.write_text(f"#!/bin/sh\ncat > /dev/null\necho '{told}'\n")
        program.chmod(0o755)

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(ENDING)

    def pause(self) -> None:
        """Answer nobody, as if it was gone."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)
