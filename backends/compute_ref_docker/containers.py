"""Containers of this server on the daemon: finding, starting, ending, removing them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from docker import APIClient
from docker.errors import NotFound
from requests import Response
from requests.exceptions import ConnectionError as ConnectionBroken
from requests.exceptions import ReadTimeout
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from compute_ref_docker.daemon import Daemon, Refused
from compute_ref_docker.manner import is_podman

RUN: Final = "compute-ref.run"  # label: the run's name
DATA: Final = "compute-ref.data"  # label: the data folder that it belongs to
LIMITS: Final = "compute-ref.limits"  # label: what a server that finds it has to enforce
NEVER: Final = 1  # the year that daemons name where something has not taken place
CHUNK: Final = 2**16
HEADER: Final = 8  # bytes before each piece of a log; the last four are its length
ASK: Final = ["sh", "-c", "kill -TERM -1"]
LAST_EVENTS: Final = timedelta(seconds=0.1)  # after a container's end, until they are told
ENDED: Final = 10.0  # seconds in which Podman tells the end of one that it cannot kill any more


@dataclass(frozen=True, slots=True)
class Container:
    """A container as the daemon told of it; `code` is of the end, if it has `finished`."""

    id: str
    running: bool
    started: datetime | None
    finished: datetime | None
    code: int
    oom: bool
    labels: Mapping[str, str]

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Container:
        """Read an answer of the daemon."""
        state = found["State"]
        return cls(
            id=found["Id"],
            running=bool(state["Running"]),
            started=_moment(state["StartedAt"]),
            finished=_moment(state["FinishedAt"]),
            code=int(state["ExitCode"]),
            oom=bool(state["OOMKilled"]),
            labels=found["Config"]["Labels"] or {},
        )


class Containers:
    """Containers that belong to one data folder, which `data_id` names, by their run's name."""

    def __init__(self, daemon: Daemon, data_id: str) -> None:
        self._daemon = daemon
        self._data_id = data_id

    def find(self, run: str) -> Container | None:
        """The container of a run, or None."""
        try:
            with self._daemon.asked() as api:
                return Container.of(api.inspect_container(self._name(run)))
        except NotFound:
            return None

    def names(self) -> list[str]:
        """The runs that have a container, whatever its state."""
        wanted = {"label": f"{DATA}={self._data_id}"}
        with self._daemon.asked() as api:
            found = api.containers(all=True, filters=wanted)
        return [container["Labels"][RUN] for container in found]

    def create(self, run: str, told: Mapping[str, Any], labels: Mapping[str, str]) -> str:
        """Make a container, not started yet; returns its id."""
        labels = {**labels, RUN: run, DATA: self._data_id}
        with self._nothing_missing() as api:
            made = api.create_container(name=self._name(run), labels=labels, **told)
        return str(made["Id"])

    def start(self, container_id: str) -> None:
        """Start it."""
        with self._nothing_missing() as api:
            api.start(container_id)

    def wait(self, container_id: str, seconds: float | None = None) -> bool:
        """Block until it does not run, at most so long; whether it does not. Gone is ended."""
        try:
            with self._daemon.asked() as api:
                return _await(api, container_id, seconds)
        except NotFound:
            return True

    def end(self, container_id: str, grace: float) -> None:
        """Ask every process to end, KILL after `grace` seconds; on return none is alive."""
        try:
            if grace > 0:
                self._ask(container_id)
                if self.wait(container_id, grace):
                    return
            self._kill(container_id)
        except NotFound:
            return

    def remove(self, run: str) -> None:
        """Kill and remove the container of a run, if there is one, and its volumes."""
        try:
            with self._daemon.asked() as api:
                api.remove_container(self._name(run), v=True, force=True)
        except NotFound:
            return

    def log(self, container_id: str, *, follow: bool) -> Iterator[bytes]:
        """What it wrote, from the first piece that the daemon still has.

        With `follow` until it has ended, but the very last pieces may then be left out. Ends
        early where the daemon goes away.
        """
        asked = {"stdout": 1, "stderr": 1, "follow": int(follow)}
        with self._daemon.asked() as api:
            url = f"{api.base_url}/v{api.api_version}/containers/{container_id}/logs"
            answer = api.get(url, params=asked, stream=True, timeout=None)
            if answer.status_code != 200:
                raise Refused(f"the Docker daemon gave no log: {answer.text.strip()}")
        return _pieces(answer)

    def now(self) -> datetime:
        """The daemon's clock."""
        with self._daemon.asked() as api:
            return datetime.fromisoformat(api.info()["SystemTime"])

    def outlive_daemon(self) -> bool:
        """Whether a daemon that ends lets containers go on: live-restore, or Podman."""
        with self._daemon.asked() as api:
            return bool(api.info().get("LiveRestoreEnabled")) or is_podman(api.version())

    def may_have_started(self, container: Container) -> bool:
        """Whether one that is not said to have started may have been, all the same.

        A Docker daemon that is killed while it starts a container does not find out later that
        it did. Only the daemon that made the container, and remembers that, can be believed.
        Podman keeps no such memory, nor does a service of its own stand between.
        """
        events = self._events(container, self.now())
        return events is not None and "create" not in events

    def events(self, container: Container) -> list[str] | None:
        """What the daemon remembers to have happened to a container until just after its end.

        None where it cannot be asked: Podman takes no fractions of seconds.
        """
        if container.finished is None:
            return None
        return self._events(container, container.finished + LAST_EVENTS)

    def _events(self, container: Container, until: datetime) -> list[str] | None:
        about = {"container": [container.id], "type": ["container"]}
        with self._daemon.asked() as api:
            if is_podman(api.version()):
                return None
            told = api.events(
                since="1", until=f"{until.timestamp():.6f}", filters=about, decode=True
            )
            return [event["Action"] for event in told]

    @contextlib.contextmanager
    def _nothing_missing(self) -> Iterator[APIClient]:
        """The client, where something that is not found is a refusal: a network, an image."""
        try:
            with self._daemon.asked() as api:
                yield api
        except NotFound as missing:
            raise Refused(f"the Docker daemon refused: {missing.explanation}") from missing

    def _name(self, run: str) -> str:
        return f"{run}.{self._data_id}"

    def _ask(self, container_id: str) -> None:
        """TERM to all processes but the first, or to the first where no more can be started."""
        try:
            with self._daemon.asked() as api:
                asking = api.exec_create(container_id, ASK, stdout=False, stderr=False)
                api.exec_start(asking, detach=True)
        except Refused:
            with contextlib.suppress(Refused), self._daemon.asked() as api:
                api.kill(container_id, "TERM")

    def _kill(self, container_id: str) -> None:
        try:
            with self._daemon.asked() as api:
                api.kill(container_id, "KILL")
        except Refused:
            if not self.wait(container_id, ENDED):  # it had not ended by itself meanwhile
                raise
        self.wait(container_id)


def _await(api: APIClient, container_id: str, seconds: float | None) -> bool:
    try:
        api.wait(container_id, timeout=seconds)
    except ReadTimeout:
        return False
    except ConnectionBroken as broken:
        if broken.args and isinstance(broken.args[0], ReadTimeoutError):
            return False
        raise
    return True


def _pieces(answer: Response) -> Iterator[bytes]:
    """Take a log's pieces out of what is around them."""
    left = b""
    try:
        for data in answer.raw.stream(CHUNK, decode_content=False):
            left += data
            at = 0
            while len(left) >= at + HEADER:
                end = at + HEADER + int.from_bytes(left[at + 4 : at + HEADER])
                if end > len(left):
                    break
                yield left[at + HEADER : end]
                at = end
            left = left[at:]
    except (ProtocolError, OSError):
        return
    finally:
        answer.close()


def _moment(text: str) -> datetime | None:
    moment = datetime.fromisoformat(text)
    return None if moment.year == NEVER else moment
