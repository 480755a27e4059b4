"""Clients that do all there is to do, and remember what they were answered.

An answer that did not come, because the server was killed, leaves open whether the call had its
effect. What was answered is held against the server: :class:`Memory` says what must be true.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.endurance.live import COMPUTE, RESULT, Consumer, Live, Reply, call

#: what a run writes differs each time, so that one that was done again is found out
CODE = 'echo run >> "$OUTPUTS/runs.txt"; head -c 999 /dev/urandom > "$OUTPUTS/noise"; sleep {}'
#: so many digits that index 1 and a nonce never read as a later nonce: such a message is used up
FIRST_NONCE = 10**6
MOST_JOBS = 3  # that one client has at a time
#: what may be answered: a restart of what is not final is refused, stops may find all places taken
ANSWERS: Mapping[str, set[int]] = {
    "start": {200},
    "restart": {200, 400},
    "stop": {200, 503},
    "delete": {200, 503},
    "poll": {200},
    "fetch": {200, 404},
}

Files = dict[str, str]
"""The sha256 of results by name."""


@dataclass
class Memory:
    """What is known of one job: `run` was accepted, `results` belong to runs that have ended.

    Where an answer did not come, `doubt` names the calls that may have been done all the same.
    """

    run: int = 1
    stopped: set[int] = field(default_factory=set)
    deleted: bool = False
    doubt: set[str] = field(default_factory=set)
    results: dict[int, Files] = field(default_factory=dict)


@dataclass(frozen=True)
class Message:
    """A signed call as it was sent, to be sent again."""

    method: str
    path: str
    query: dict[str, Any] | None
    body: Any

    def send(self, netloc: str) -> Reply:
        return call(netloc, self.method, self.path, self.query, self.body)


class Client:
    """One consumer that does one thing after the other, by chance."""

    def __init__(self, seed: str) -> None:
        self.consumer = Consumer(nonce=FIRST_NONCE)
        self.chance = random.Random(seed)
        self.jobs: dict[str, Memory] = {}
        self.orders = 0
        self.lost_orders: set[str] = set()
        self.accepted: list[Message] = []
        self.counts: Counter[str] = Counter()

    @property
    def address(self) -> str:
        return self.consumer.address

    @property
    def kept(self) -> dict[str, Memory]:
        """Jobs that were not deleted, as far as is known."""
        return {name: job for name, job in self.jobs.items() if not job.deleted}

    def go_on(self, netloc: str, over: threading.Event) -> None:
        """Act until `over`, or until the server is gone."""
        while not over.is_set():
            try:
                self.act(netloc)
            except OSError:
                return
            over.wait(self.chance.uniform(0, 0.1))

    def act(self, netloc: str) -> None:
        names = list(self.kept)
        if not names or (len(names) < MOST_JOBS and self.chance.random() < 0.5):
            self.start(netloc)
            return
        acts: Sequence[Callable[[str, str], None]]
        acts = (self.poll, self.poll, self.fetch, self.fetch, self.restart, self.stop, self.delete)
        self.chance.choice(acts)(netloc, self.chance.choice(names))

    def start(self, netloc: str) -> None:
        self.orders += 1
        order = f"0x{self.address[2:].lower()}{self.orders:x}"
        self.lost_orders.add(order)
        body = self.consumer.start_body(CODE.format(self.chance.choice(["0", "0.3", "20"])), order)
        (job,) = self.send("start", netloc, Message("POST", COMPUTE, None, body)).json
        self.lost_orders.discard(order)
        self.jobs[job["jobId"]] = Memory()

    def restart(self, netloc: str, name: str) -> None:
        body = {**self.consumer.signed(name), "jobId": name}
        with self.doubting(name, "restart"):
            answer = self.send("restart", netloc, Message("POST", COMPUTE, None, body))
            if answer.status == 200:
                self.jobs[name].run = latest_run(answer.json[0])

    def stop(self, netloc: str, name: str) -> None:
        with self.doubting(name, "stop"):
            answer = self.change("stop", "PUT", netloc, name)
            if answer.status == 200:
                self.jobs[name].stopped.add(latest_run(answer.json[0]))

    def delete(self, netloc: str, name: str) -> None:
        with self.doubting(name, "delete"):
            self.jobs[name].deleted |= self.change("delete", "DELETE", netloc, name).status == 200

    def change(self, what: str, method: str, netloc: str, name: str) -> Reply:
        query = {**self.consumer.signed(name), "jobId": name}
        return self.send(what, netloc, Message(method, COMPUTE, query, None))

    def poll(self, netloc: str, name: str) -> None:
        query = {**self.consumer.signed(name), "jobId": name}
        (job,) = self.send("poll", netloc, Message("GET", COMPUTE, query, None)).json
        self.notice(name, job)

    def notice(self, name: str, job: dict[str, Any]) -> None:
        """Hold what a job shows against what it showed before."""
        known, run = self.jobs[name], latest_run(job)
        if job["dateFinished"] is not None:
            files = {result["filename"]: result["sha256"] for result in job["results"]}
            assert known.results.setdefault(run, files) == files, (name, run)

    def fetch(self, netloc: str, name: str) -> None:
        """Fetch one result of those known, and find the bytes that it has always had."""
        index = self.chance.randrange(2)
        query = self.consumer.result_query(name, index)
        answer = self.send("fetch", netloc, Message("GET", RESULT, query, None))
        known = self.jobs[name]
        sums = list(known.results.get(known.run, {}).values())
        if index < len(sums):
            assert answer.status == 200, (name, answer.body)
            assert answer.sha256 == sums[index], (name, index)
            self.counts["compared"] += 1

    def send(self, what: str, netloc: str, message: Message) -> Reply:
        """Send a message; it is answered as it may be, and remembered if it was accepted."""
        answer = message.send(netloc)
        assert answer.status in ANSWERS[what], (what, answer.status, answer.body)
        self.counts[f"{what} {answer.status}"] += 1
        if answer.status == 200 and what != "poll":
            self.accepted.append(message)
        return answer

    @contextmanager
    def doubting(self, name: str, what: str) -> Iterator[None]:
        """Remember that a call was sent, unless its answer comes."""
        self.jobs[name].doubt.add(what)
        yield
        self.jobs[name].doubt.discard(what)

    def check(self, netloc: str) -> None:
        """What was answered is as it was answered, after a restart of the server."""
        shown = self.consumer.jobs(netloc)
        jobs = {job["jobId"]: job for job in shown}
        assert len(jobs) == len(shown) == len({job["agreementId"] for job in shown}), shown
        for name, known in list(self.jobs.items()):
            self.check_job(name, known, jobs.pop(name, None))
        for name, job in jobs.items():  # of starts whose answer did not come
            assert job["agreementId"] in self.lost_orders, job
            self.lost_orders.discard(job["agreementId"])
            self.jobs[name] = Memory()
            self.counts["unanswered but started"] += 1

    def check_job(self, name: str, known: Memory, job: dict[str, Any] | None) -> None:
        if job is None:
            assert known.deleted or "delete" in known.doubt, f"{name} is lost"
            known.deleted = True
            return
        assert not known.deleted, f"{name} is back"
        run = latest_run(job)
        assert known.run <= run <= known.run + ("restart" in known.doubt), (name, known, job)
        if run in known.stopped and known.run == run and run not in known.results:
            assert job["stopreq"] == 1 or job["dateFinished"], job
        known.run = run
        known.doubt.clear()  # it shows what was done; a delete that was stored hides it at once

    def replay(self, netloc: str, most: int) -> None:
        """Send accepted messages once more, the last ones for sure; none is accepted."""
        older = self.accepted[:-2]
        sample = self.chance.sample(older, min(most, len(older)))
        for message in (*sample, *self.accepted[-2:]):
            answer = message.send(netloc)
            assert answer.status in (400, 404), (message, answer.status, answer.body)
            self.counts["replayed"] += 1


def latest_run(job: dict[str, Any]) -> int:
    return int(job["statusHistory"][-1]["run"])


class Crowd:
    """Clients at once, each on a thread of its own; what fails in one is raised at the end."""

    def __init__(self, number: int, seed: int) -> None:
        self.clients = [Client(f"{seed} {one}") for one in range(number)]

    @contextmanager
    def busy(self, server: Live) -> Iterator[None]:
        """All act; whoever ends this has ended the server, or lets them end their last act."""
        over = threading.Event()
        failed: list[BaseException] = []

        def work(client: Client) -> None:
            try:
                client.go_on(server.netloc, over)
            except BaseException as error:  # raised below
                failed.append(error)

        threads = [threading.Thread(target=work, args=(one,)) for one in self.clients]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()
        if failed:
            raise failed[0]

    def each(self, do: Callable[[Client], None]) -> None:
        """Do the same for every client, eight at a time."""
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(do, self.clients))

    @property
    def counts(self) -> Counter[str]:
        return sum((client.counts for client in self.clients), Counter())
