"""A plug-in that hangs in a request costs that request, not the server's threads."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from webtest import TestResponse

from compute_ref.assets.trust import container_checksum
from compute_ref.plugins import FileObject, OpenFile, hookimpl
from compute_ref.settings import Settings
from compute_ref.testing import compute_app
from compute_ref.testing.kit import ComputeApp, sample_ddo

PATIENCE = 60  # seconds until a test gives up on an event
ELSEWHERE = "did:op:" + "e" * 64
ALGORITHM = "did:op:" + "f" * 64
CODE = b"# instant: write a 1\n"


class Slow(io.BytesIO):
    """A stream that does what its plug-in does when it is read or closed."""

    def __init__(self, plugin: Hanging) -> None:
        super().__init__(CODE)
        self._plugin = plugin

    def read(self, size: int | None = -1) -> bytes:
        self._plugin.answer("read")
        return super().read(size)

    def close(self) -> None:
        super().close()
        self._plugin.closed.set()


class Hanging:
    """A plug-in that answers one question only when the test lets it."""

    def __init__(self, question: str) -> None:
        self.question = question
        self.asked = threading.Semaphore(0)
        self.answers = threading.Event()
        self.closed = threading.Event()

    @hookimpl
    def resolve_did(self, did: str) -> dict[str, Any] | None:
        if did == ALGORITHM:
            return algorithm()
        if did == ELSEWHERE:
            self.answer("resolve_did")
        return None

    @hookimpl
    def verify_order(self, transaction: str) -> None:
        self.answer("verify_order")

    @hookimpl
    def open_file(self, file: FileObject) -> OpenFile | None:
        if file["type"] != "elsewhere":
            return None
        self.answer("open_file")
        return OpenFile(Slow(self), len(CODE))

    def answer(self, question: str) -> None:
        if question == self.question:
            self.asked.release()
            assert self.answers.wait(PATIENCE)


def algorithm() -> dict[str, Any]:
    container = {"entrypoint": "sh $ALGO", "image": "", "tag": "", "checksum": ""}
    service = {
        "id": "access",
        "type": "access",
        "files": [{"type": "elsewhere"}],
        "timeout": 0,
    }
    return {
        **sample_ddo(ALGORITHM),
        "metadata": {"type": "algorithm", "name": "x", "algorithm": {"container": container}},
        "services": [service],
    }


def two_threads(settings: Settings) -> Settings:
    return replace(settings, server=replace(settings.server, threads=2))


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.fixture
def plugin(request: pytest.FixtureRequest, pool: ThreadPoolExecutor) -> Iterator[Hanging]:
    made = Hanging(request.param)
    yield made
    made.answers.set()


@pytest.fixture
def server(plugin: Hanging) -> Iterator[ComputeApp]:
    with compute_app(two_threads, plugins=(plugin,)) as server:
        trusting = [{"did": ALGORITHM, "filesChecksum": "0" * 64, "containerSectionChecksum": ""}]
        trusting[0]["containerSectionChecksum"] = container_checksum("sh $ALGO", "")
        ddo = sample_ddo(publisherTrustedAlgorithms=trusting)
        (server.catalogue / "sample.json").write_text(json.dumps(ddo))
        yield server
        plugin.answers.set()


def look_up(server: ComputeApp) -> TestResponse:
    return server.web.get(f"/api/aquarius/assets/ddo/{ELSEWHERE}", status="*")


def start(server: ComputeApp) -> TestResponse:
    return server.consumer().start()


def start_published(server: ComputeApp) -> TestResponse:
    chosen = {"documentId": ALGORITHM, "serviceId": "access", "transferTxId": "0x1"}
    return server.consumer().start(algorithm=chosen)


def file_info(server: ComputeApp) -> TestResponse:
    wanted = {"did": ALGORITHM, "serviceId": "access"}
    return server.web.post_json("/api/services/fileinfo", wanted, status="*")


Request = Callable[[ComputeApp], TestResponse]
REQUESTS: list[tuple[str, Request]] = [
    ("resolve_did", look_up),
    ("verify_order", start),
    ("open_file", start_published),
    ("open_file", file_info),
    ("read", start_published),
]
each_request = pytest.mark.parametrize(("plugin", "request_"), REQUESTS, indirect=["plugin"])


def let_deadlines_pass(server: ComputeApp, question: str) -> None:
    """Move the clock to where a call must have come back, and no further."""
    settings = server.app.services.settings
    server.clock.advance(settings.deadlines.plugin_call)
    if question == "read":
        server.clock.advance(settings.fetching.timeout)


QUESTIONS = {"resolve_did", "verify_order", "open_file", "reading a file"}


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of all threads that begin during the test."""
    names: list[str] = []
    begin = threading.Thread.start

    def note(thread: threading.Thread) -> None:
        names.append(thread.name)
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", note)
    return names


def shelve(server: ComputeApp, algorithm: dict[str, Any]) -> None:
    """Put the `algorithm`, and a dataset that trusts it and its file, into the catalogue."""
    trusted = {
        "did": ALGORITHM,
        "filesChecksum": hashlib.sha256(CODE).hexdigest(),
        "containerSectionChecksum": container_checksum("sh $ALGO", ""),
    }
    (server.catalogue / "code").write_bytes(CODE)
    (server.catalogue / "algorithm.json").write_text(json.dumps(algorithm))
    ddo = sample_ddo(publisherTrustedAlgorithms=[trusted])
    (server.catalogue / "sample.json").write_text(json.dumps(ddo))


def test_what_is_built_in_is_asked_on_the_requests_own_thread(begun: list[str]) -> None:
    ddo = algorithm()
    ddo["services"][0]["files"] = [{"type": "file", "path": "code"}]
    with compute_app(two_threads) as server:
        shelve(server, ddo)
        assert start_published(server).status_int == 200
        assert file_info(server).json[0]["valid"] is True
    assert QUESTIONS.isdisjoint(begun)


def test_a_plugin_is_asked_on_a_thread_of_its_own(begun: list[str]) -> None:
    with compute_app(two_threads, plugins=(Hanging("nothing"),)) as server:
        shelve(server, algorithm())
        assert start_published(server).status_int == 200
    assert set(begun) >= QUESTIONS


@each_request
def test_an_answer_that_does_not_come_is_503_and_the_thread_is_free(
    server: ComputeApp,
    plugin: Hanging,
    pool: ThreadPoolExecutor,
    request_: Request,
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = pool.submit(request_, server)
    assert plugin.asked.acquire(timeout=PATIENCE)
    assert not answer.done()
    with caplog.at_level(logging.ERROR):
        let_deadlines_pass(server, plugin.question)
        refused = answer.result(PATIENCE)
    assert (refused.status_int, set(refused.json)) == (503, {"error"})
    assert int(refused.headers["Retry-After"]) > 0
    assert "plug-in" in refused.json["error"]
    assert plugin.question in caplog.text


@pytest.mark.parametrize("plugin", ["resolve_did"], indirect=True)
def test_while_too_many_calls_of_a_hook_hang_further_ones_are_refused_at_once(
    server: ComputeApp, plugin: Hanging, pool: ThreadPoolExecutor
) -> None:
    waiting: list[Future[TestResponse]] = []
    for _ in range(6):  # many more than there are threads: as long as they are in time, all may ask
        waiting.append(pool.submit(look_up, server))
        assert plugin.asked.acquire(timeout=PATIENCE)
    let_deadlines_pass(server, plugin.question)
    assert {answer.result(PATIENCE).status_int for answer in waiting} == {503}
    assert look_up(server).status_int == 503
    assert not plugin.asked.acquire(blocking=False), "it must not be asked any more"
    plugin.answers.set()
    for thread in threading.enumerate():
        if thread.name == "resolve_did":
            thread.join(PATIENCE)
    assert look_up(server).status_int == 404


@pytest.mark.parametrize("plugin", ["open_file"], indirect=True)
def test_a_file_that_is_opened_too_late_is_closed(
    server: ComputeApp, plugin: Hanging, pool: ThreadPoolExecutor
) -> None:
    answer = pool.submit(file_info, server)
    assert plugin.asked.acquire(timeout=PATIENCE)
    let_deadlines_pass(server, plugin.question)
    assert answer.result(PATIENCE).status_int == 503
    assert not plugin.closed.is_set()
    plugin.answers.set()
    assert plugin.closed.wait(PATIENCE)


@pytest.mark.parametrize("plugin", ["open_file"], indirect=True)
def test_hanging_files_leave_the_places_of_slow_calls(
    server: ComputeApp, plugin: Hanging, pool: ThreadPoolExecutor
) -> None:
    answer = pool.submit(file_info, server)
    assert plugin.asked.acquire(timeout=PATIENCE)
    assert file_info(server).headers["Retry-After"] == "2", "the only place is held"
    let_deadlines_pass(server, plugin.question)
    assert answer.result(PATIENCE).status_int == 503
    with server.app.services.slow.place():
        assert not plugin.answers.is_set()
