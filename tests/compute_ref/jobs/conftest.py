"""An engine with everything around it: a store, folders, hooks, the instant backend, a clock."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pluggy
import pytest

from compute_ref.assets.cancellation import Cancellation
from compute_ref.assets.plan import Algorithm, Dataset, Order, Plan
from compute_ref.jobs.engine import Engine
from compute_ref.jobs.launching import describe
from compute_ref.jobs.model import FinishReason, Job, Passage, Status
from compute_ref.jobs.store import Store
from compute_ref.jobs.turn import House, Turn
from compute_ref.jobs.workspace import Workspaces
from compute_ref.plugins import Folders, hookimpl, hookspecs, run_name
from compute_ref.settings import Deadlines, Environment, Queue, Retention
from compute_ref.testing.clock import MovedClock
from compute_ref.testing.instant import InstantBackend
from tests.compute_ref.jobs.fallible import FallibleDisk, least
from tests.compute_ref.jobs.provided import Place
from tests.compute_ref.jobs.waiting import Waited, begun

DID = "did:op:" + "a" * 64
OWNER = "0x" + "1" * 40
PATIENCE = 120  # seconds of real time, after which a test gives up


class Watcher:
    """A plug-in that remembers every change."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.seen: list[tuple[str, int, int]] = []

    @hookimpl
    def job_changed(self, job: Job) -> None:
        with self.changed:
            self.seen.append((job.job_id, job.run, int(job.status)))
            self.changed.notify_all()


def plan_of(code: str, transaction: str = "0x1", output: dict[str, Any] | None = None) -> Plan:
    order = Order(transaction, DID, "compute", OWNER, 0, "dataset.serviceId", "order_invalid")
    return Plan(
        environment="local",
        datasets=(Dataset(DID, "compute", {"id": DID, "services": []}, ()),),
        algorithm=Algorithm("raw", "", None, (), code, "sh $ALGO", "", "", ""),
        orders=(order,),
        network=False,
        output=output,
        request={},
    )


def nothing(*_: object) -> None:
    pass


def put_in_place(
    plan: Plan, folders: Folders, cancel: threading.Event | None, log: Callable[[str], object]
) -> None:
    (folders.transformations / "algorithm").write_text(plan.algorithm.rawcode)
    log("The algorithm is in place.")


Fill = Callable[[Plan, Folders, Cancellation, Callable[[str], None]], object]


class Provisioning:
    """Does for each half what the world's test has told by then."""

    def __init__(self, world: World) -> None:
        self._world = world

    def data(self, *about: Any) -> None:
        self._world.provide_data(*about)

    def algorithm(self, *about: Any) -> None:
        self._world.provide_algorithm(*about)


class World:
    def __init__(self, folder: Path, **environment: Any) -> None:
        self.clock = MovedClock()
        self.store = Store.in_memory(self.clock)
        self.backend = InstantBackend()
        self.environment = replace(Environment("local", "instant", maxJobs=2), **environment)
        self.deadlines = Deadlines()
        self.retention = Retention()
        self.workspaces = Workspaces(folder, sync=False)
        self.watcher = Watcher()
        self.plugins = pluggy.PluginManager("compute_ref")
        self.plugins.add_hookspecs(hookspecs)
        self.plugins.register(self.watcher)
        self.provide_data: Fill = nothing
        self.provide_algorithm: Fill = put_in_place
        self._engine: Engine | None = None
        self._numbers = itertools.count()

    @property
    def engine(self) -> Engine:
        """The engine that is open, or was last."""
        assert self._engine is not None, "the world was never opened"
        return self._engine

    def open(self, **changes: Any) -> World:
        if self._engine is not None:
            self._engine.close()
        self._engine = self.make(**changes)
        self._engine.start()
        return self

    def make(self, **changes: Any) -> Engine:
        """An engine that is not started."""
        environment = replace(self.environment, **changes)
        return Engine(
            self.store,
            {"local": self.backend},
            {"local": environment},
            Provisioning(self),
            self.plugins.hook,
            self.workspaces,
            self.deadlines,
            self.retention,
            self.clock,
        )

    @property
    def house(self) -> House:
        """What turns of this world use, with no engine around them."""
        return House(
            self.store,
            self.plugins.hook,
            self.workspaces,
            Provisioning(self),
            self.deadlines,
            self.clock,
        )

    def turn(self, job_id: str) -> Turn:
        """A turn of a job that no engine knows of."""
        return Turn(self.house, self.environment, self.backend, self.store.get(job_id))

    def accept(self, *lines: str, owner: str = OWNER, **fields: Any) -> str:
        """Store a job that does what `lines` tell the instant backend; return its id."""
        number = next(self._numbers)
        job_id = f"job{number:05d}z"
        now = self.clock.now()
        job = Job(
            job_id=job_id,
            owner=owner,
            document_id=DID,
            agreement_id=f"0x{number:x}",
            environment="local",
            algo_did="raw",
            input_dids=(DID,),
            created=now,
            history=(Passage(1, Status.WARMING_UP, now),),
        )
        code = "\n".join(f"# instant: {line}" for line in lines)
        self.store.accept(replace(job, **fields), plan_of(code, f"0x{number:x}"), None, Queue())
        return job_id

    def submit(self, *lines: str, **fields: Any) -> str:
        job_id = self.accept(*lines, **fields)
        self.engine.submit(job_id)
        return job_id

    def left_at(
        self,
        status: int,
        *lines: str,
        launched: bool = True,
        passed: tuple[int, ...] = (),
        **fields: Any,
    ) -> str:
        """A job as a server that was killed at `status` left it, folders included."""
        job_id = self.accept(*lines)
        name = run_name(job_id, 1) if launched else None
        since = self.clock.moment() if status >= Status.RUNNING else None
        history = tuple(Passage(1, Status(code), self.clock.now()) for code in (1, *passed, status))
        folders = self.workspaces.ready(job_id, 1)
        put_in_place(self.store.plan(job_id), folders, None, str)

        left: dict[str, Any] = {
            "status": Status(status),
            "launched": name,
            "attempts": 1,
            "running_since": since,
            "history": history,
            **fields,
        }
        self.store.change(job_id, lambda job: replace(job, **left))
        return job_id

    def await_(self, condition: Callable[[], object], nudge: float = 0.0) -> None:
        """Wait until `condition()`, moving the clock by `nudge` seconds now and then."""
        end = time.monotonic() + PATIENCE
        with self.watcher.changed:
            while not condition():
                assert time.monotonic() < end, "nothing happened"
                self.watcher.changed.wait(0.02)
                if nudge:
                    self.clock.advance(nudge)

    def final(self, job_id: str, nudge: float = 0.0) -> Job:
        self.await_(lambda: self.store.get(job_id).final, nudge)
        return self.store.get(job_id)

    def await_status(self, job_id: str, status: int) -> None:
        self.await_(lambda: self.store.get(job_id).status >= status)

    def await_idle(self, nudge: float = 0.0) -> None:
        self.await_(lambda: self.idle, nudge)

    @property
    def idle(self) -> bool:
        return not self.engine._turns

    def launched(self, job_id: str) -> str:
        """The name under which the backend has the job's run."""
        name = self.store.get(job_id).launched
        assert name is not None, "the job was not launched"
        return name

    def result(self, job: Job, name: str) -> bytes:
        index = [r.filename for r in job.results].index(name)
        with self.workspaces.open_result(job, index) as stream:
            return stream.read()

    def close(self) -> None:
        self.backend.release()
        if self._engine is not None:
            self._engine.close()
        self.store.close()


def launch_as_before(world: World, job_id: str) -> None:
    """Put the run of `job_id` into the backend, as the server before had it launched."""
    world.backend.launch(describe(world.turn(job_id), world.store.plan(job_id)))


MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[MakeWorld]:
    made: list[World] = []

    def make(**environment: Any) -> World:
        made.append(World(tmp_path / f"{len(made)}", **environment))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world().open()


class Durable:
    """A store on a disk whose power can be cut: `left` is what would be there then."""

    def __init__(self, folder: Path, world: World) -> None:
        self._folder, self._world, self._disk = folder, world, FallibleDisk()
        world.store = Store.open(folder / "data", world.clock, disk=self._disk)

    def left(self, job_id: str) -> Job:
        cut = self._disk.after_power_cut(least)
        store = Store.open(self._folder / "cut", self._world.clock, disk=cut)
        try:
            return store.get(job_id, deleting=True)
        finally:
            store.close()


@pytest.fixture
def closed_world(make_world: MakeWorld) -> World:
    """A world whose engine is not open yet."""
    return make_world()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Where a run's inputs and algorithm are put in place."""
    return Place(tmp_path)


@pytest.fixture
def waiting_world(closed_world: World) -> World:
    """A world with no other threads: its time passes only where a worker waits, and at once."""
    closed_world.clock = Waited()
    return closed_world


MakeTurn = Callable[..., Turn]


@pytest.fixture
def make_turn(waiting_world: World, monkeypatch: pytest.MonkeyPatch) -> MakeTurn:
    """Turns whose calls last no time, or so many seconds as is said of their titles."""

    def made(job_id: str = "", **seconds: float) -> Turn:
        turn = waiting_world.turn(job_id or waiting_world.accept())
        monkeypatch.setattr(turn, "begin", partial(begun, waiting_world.clock, seconds))
        return turn

    return made


def assert_readable(job: Job) -> None:
    assert job.final
    assert job.finish_reason is not None
    assert job.finish_message.endswith(".")
    assert "Traceback" not in job.finish_message
    assert "/srv/secret" not in job.finish_message


def assert_well_again(world: World) -> None:
    """The worker is free and a good job runs through."""
    world.await_idle(nudge=30)
    world.backend.tell()
    good = world.final(world.submit("write a 1"))
    assert good.finish_reason is FinishReason.COMPLETED
    assert good.results[0].filename == "a"
