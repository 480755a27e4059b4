"""An engine with everything around it: a store, folders, hooks, the instant backend, a clock."""

import itertools
import threading
import time
from dataclasses import replace

import pluggy
import pytest

from compute_ref.assets.plan import Algorithm, Dataset, Order, Plan
from compute_ref.jobs.engine import Engine
from compute_ref.jobs.model import Job, Passage, Status
from compute_ref.jobs.store import Store
from compute_ref.jobs.workspace import Workspaces
from compute_ref.plugins import hookimpl, hookspecs, run_name
from compute_ref.settings import Deadlines, Environment, Queue, Retention
from compute_ref.testing.clock import MovedClock
from compute_ref.testing.instant import InstantBackend

DID = "did:op:" + "a" * 64
OWNER = "0x" + "1" * 40
PATIENCE = 30  # seconds of real time, after which a test gives up


class Watcher:
    """A plug-in that remembers every change."""

    def __init__(self):
        self.changed = threading.Condition()
        self.seen = []

    @hookimpl
    def job_changed(self, job):
        with self.changed:
            self.seen.append((job.job_id, job.run, int(job.status)))
            self.changed.notify_all()


def plan_of(code, transaction="0x1", output=None):
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


def put_in_place(plan, folders, cancel, log):
    (folders.transformations / "algorithm").write_text(plan.algorithm.rawcode)
    log("The algorithm is in place.")


class World:
    def __init__(self, folder, **environment):
        self.clock = MovedClock()
        self.store = Store.in_memory(self.clock)
        self.backend = InstantBackend()
        self.environment = Environment(
            **{"id": "local", "backend": "instant", "maxJobs": 2, **environment}
        )
        self.deadlines = Deadlines()
        self.retention = Retention()
        self.workspaces = Workspaces(folder, sync=False)
        self.watcher = Watcher()
        self.plugins = pluggy.PluginManager("compute_ref")
        self.plugins.add_hookspecs(hookspecs)
        self.plugins.register(self.watcher)
        self.provision = put_in_place
        self.engine = None
        self._numbers = itertools.count()

    def open(self, **changes):
        if self.engine is not None:
            self.engine.close()
        self.engine = self.make(**changes)
        self.engine.start()
        return self

    def make(self, **changes):
        """An engine that is not started."""
        environment = replace(self.environment, **changes)
        return Engine(
            self.store,
            {"local": self.backend},
            {"local": environment},
            self._provision,
            self.plugins.hook,
            self.workspaces,
            self.deadlines,
            self.retention,
            self.clock,
        )

    def _provision(self, *args):
        self.provision(*args)  # as the test has it by then

    def accept(self, *lines, owner=OWNER, **fields):
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

    def submit(self, *lines, **fields):
        job_id = self.accept(*lines, **fields)
        self.engine.submit(job_id)
        return job_id

    def left_at(self, status, *lines, launched=True, passed=(), **fields):
        """A job as a server that was killed at `status` left it, folders included."""
        job_id = self.accept(*lines)
        name = run_name(job_id, 1) if launched else None
        since = self.clock.moment() if status >= Status.RUNNING else None
        history = tuple(Passage(1, code, self.clock.now()) for code in (1, *passed, status))
        folders = self.workspaces.ready(job_id, 1)
        put_in_place(self.store.plan(job_id), folders, None, str)

        def change(job):
            return replace(
                job,
                **{
                    "status": Status(status),
                    "launched": name,
                    "attempts": 1,
                    "running_since": since,
                    "history": history,
                    **fields,
                },
            )

        self.store.change(job_id, change)
        return job_id

    def await_(self, condition, nudge=0.0):
        """Wait until `condition()`, moving the clock by `nudge` seconds now and then."""
        end = time.monotonic() + PATIENCE
        with self.watcher.changed:
            while not condition():
                assert time.monotonic() < end, "nothing happened"
                self.watcher.changed.wait(0.02)
                if nudge:
                    self.clock.advance(nudge)

    def final(self, job_id, nudge=0.0):
        self.await_(lambda: self.store.get(job_id).final, nudge)
        return self.store.get(job_id)

    def await_status(self, job_id, status):
        self.await_(lambda: self.store.get(job_id).status >= status)

    def await_idle(self, nudge=0.0):
        self.await_(lambda: self.idle, nudge)

    @property
    def idle(self):
        return not self.engine._turns

    def result(self, job, name):
        index = [r.filename for r in job.results].index(name)
        with self.workspaces.open_result(job, index) as stream:
            return stream.read()

    def close(self):
        self.backend.release()
        if self.engine is not None:
            self.engine.close()
        self.store.close()


@pytest.fixture
def make_world(tmp_path):
    made = []

    def make(**environment):
        made.append(World(tmp_path / f"{len(made)}", **environment))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(make_world):
    return make_world().open()


@pytest.fixture
def closed_world(make_world):
    """A world whose engine is not open yet."""
    return make_world()
