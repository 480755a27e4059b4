from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import urllib3

from compute_ref.client import (
    AnswerUnusable,
    Asset,
    CallRefused,
    ClientError,
    ComputeClient,
    RawCode,
    ServerUnreachable,
    follow,
    is_final,
    phases,
    succeeded,
)
from compute_ref.client.saving import file_names, save
from compute_ref.client.wire import Wire
from compute_ref.identity.keys import Account
from compute_ref.testing.kit import DATASET

DATA = Asset(DATASET, "compute")
ANSWER = RawCode("instant: write answer.txt 42")


@pytest.fixture
def client(compute_server: str) -> Iterator[ComputeClient]:
    made = ComputeClient(compute_server, Account.create())
    yield made
    made.close()


def ended(client: ComputeClient, job: dict[str, Any]) -> dict[str, Any]:
    *_, last = follow(client, job["jobId"], interval=0.02, patience=30)
    return last


def test_a_job_is_started_and_followed_to_its_end(client: ComputeClient) -> None:
    last = ended(client, client.start(DATA, ANSWER))
    assert is_final(last)
    assert succeeded(last)
    assert [phase.status for phase in phases(last)][-1] == 70


def test_a_finished_job_runs_again_under_its_id(client: ComputeClient) -> None:
    first = ended(client, client.start(DATA, ANSWER))
    again = client.restart(first["jobId"])
    assert again["jobId"] == first["jobId"]
    assert {phase.run for phase in phases(ended(client, again))} == {2}


def test_a_result_is_saved_whole(client: ComputeClient, tmp_path: Path) -> None:
    last = ended(client, client.start(DATA, ANSWER))
    sizes: list[int] = []
    saved = save(client, last["jobId"], 0, tmp_path / "to" / "answer.txt", sizes.append)
    assert saved.read_bytes() == b"42\n"
    assert sum(sizes) == last["results"][0]["filesize"]
    assert [path.name for path in saved.parent.iterdir()] == ["answer.txt"]


def test_the_owner_learns_more_than_everybody(client: ComputeClient) -> None:
    last = ended(client, client.start(DATA, ANSWER))
    assert "finishMessage" not in last
    assert client.details(last["jobId"])["finishMessage"]


def test_what_a_read_was_signed_with_cannot_stop_or_delete(
    client: ComputeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = client.start(DATA, RawCode("instant: stay"))
    seen: list[dict[str, Any]] = []
    call = Wire.call

    def spied(self: Wire, name: str, query: Any = None, body: object = None) -> Any:
        if name == "computeStatus":
            seen.append(query)
        return call(self, name, query, body)

    monkeypatch.setattr(Wire, "call", spied)
    client.details(job["jobId"])
    (query,) = seen
    wire = Wire(client.url)
    for name in ("computeStop", "computeDelete"):
        with pytest.raises(CallRefused) as refused:
            wire.call(name, query)
        assert "nonce" in refused.value.fields
    wire.close()
    client.delete(job["jobId"])


def test_a_stopped_job_did_not_succeed(client: ComputeClient) -> None:
    job = client.start(DATA, RawCode("instant: stay"))
    assert client.stop(job["jobId"])["status"] == 7
    last = ended(client, job)
    assert last["finishReason"] == "stopped"
    assert not succeeded(last)


def test_a_deleted_job_is_gone(client: ComputeClient) -> None:
    job = client.start(DATA, ANSWER)
    assert client.delete(job["jobId"])["status"] == 8
    with pytest.raises(CallRefused, match="No job") as refused:
        client.status(job["jobId"])
    assert refused.value.status == 404


def test_two_calls_of_one_account_at_once_both_get_through(client: ComputeClient) -> None:
    jobs: list[dict[str, Any]] = []
    threads = [
        threading.Thread(target=lambda: jobs.append(client.start(DATA, ANSWER))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({job["jobId"] for job in jobs}) == 2


def test_a_refusal_carries_its_code(client: ComputeClient) -> None:
    with pytest.raises(CallRefused, match="did_not_found"):
        client.start(Asset("did:op:" + "0" * 64, "compute"), ANSWER)
    with pytest.raises(CallRefused, match="there are: instant"):
        client.start(DATA, ANSWER, environment="moon")


def test_patience_ends(client: ComputeClient) -> None:
    job = client.start(DATA, RawCode("instant: stay"))
    with pytest.raises(TimeoutError, match="still at"):
        list(follow(client, job["jobId"], interval=0.02, patience=0.1))
    client.delete(job["jobId"])


def test_a_call_that_must_be_signed_needs_an_account(compute_server: str) -> None:
    client = ComputeClient(compute_server)
    with pytest.raises(ClientError, match="no private key"):
        client.stop("job")
    client.close()


def test_nobody_there_is_said_so() -> None:
    with pytest.raises(ServerUnreachable, match="does not answer"):
        ComputeClient("http://127.0.0.1:9").environments()
    with pytest.raises(ServerUnreachable):
        ComputeClient("no url at all").environments()


class Stranger(BaseHTTPRequestHandler):
    """A web server that knows nothing of this API."""

    def do_GET(self) -> None:
        body = b"<h1>Hello</h1>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_a_server_of_something_else_is_said_so() -> None:
    with HTTPServer(("127.0.0.1", 0), Stranger) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        client = ComputeClient(f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(AnswerUnusable, match="not JSON"):
            client.environments()
        client.close()
        thread.join()


class Swapped(ComputeClient):
    """A client whose download is not what the server's ETag promises."""

    def open_result(self, job_id: str, index: int) -> urllib3.BaseHTTPResponse:
        body = io.BytesIO(b"other bytes")
        headers = {"ETag": '"' + "0" * 64 + '"'}
        return urllib3.HTTPResponse(body, headers, 200, preload_content=False)


def test_other_bytes_than_promised_are_not_kept(tmp_path: Path) -> None:
    with pytest.raises(AnswerUnusable, match="other bytes"):
        save(Swapped("http://127.0.0.1:9"), "job", 0, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_names_from_a_server_stay_below_the_folder() -> None:
    names = ["../../etc/passwd", "/root/x", "a/b.txt", "..", "", "a b\n.txt", "same", "same"]
    found = file_names([{"filename": name} for name in names])
    assert found[:3] == ["etc/passwd", "root/x", "a/b.txt"]
    assert found[3:] == ["3-result", "4-result", "a_b_.txt", "6-same", "7-same"]
    assert len(set(found)) == len(found)


def test_no_file_takes_the_place_of_another_that_was_given_an_index() -> None:
    found = file_names([{"filename": name} for name in ("a b", "a_b", "0-a_b")])
    assert (found[1], len(set(found))) == ("1-a_b", 3)


def test_servers_without_a_reason_are_judged_by_status_and_stop() -> None:
    done = {"dateFinished": "1.5", "status": 70, "stopreq": 0}
    assert succeeded(done)
    assert not succeeded({**done, "status": 31})
    assert not succeeded({**done, "stopreq": 1})
    assert not succeeded({**done, "dateFinished": None})
