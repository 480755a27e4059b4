"""The wall clock of a live server is set back an hour and ahead a day."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.endurance.live import (
    COMPUTE,
    Consumer,
    Live,
    await_status,
    awaited,
    call,
    final_job,
    prepare,
)

HOUR, DAY = 3_600, 86_400
CREATE, REVOKE = "/api/services/createAuthToken", "/api/services/deleteAuthToken"
ENVIRONMENTS = f"""
[deadlines]
watchdog = 0.2
[[environments]]
id = "local"
backend = "local"
maxJobs = 3
maxJobDuration = 600
storageExpiry = {2 * HOUR}
"""
WAITING = 'echo on; until test -e "$OUTPUTS/go"; do sleep 0.05; done'
JUMPS = [-HOUR, DAY]


class Place:
    """A server and its wall clock."""

    def __init__(self, folder: Path) -> None:
        self.configuration = prepare(folder, ENVIRONMENTS)
        self.shift = folder / "shift"
        self.set(0)
        self.server = self.begun()
        self.consumer = Consumer()

    def begun(self) -> Live:
        return Live(self.configuration, ("clock", str(self.shift)))

    def set(self, seconds: float) -> None:
        """Be so many seconds off, from now on."""
        draft = self.shift.with_name("draft")
        draft.write_text(str(seconds))
        draft.replace(self.shift)

    def restart(self) -> None:
        self.server.kill()
        self.server = self.begun()

    def finished(self, code: str = 'echo x > "$OUTPUTS/x"') -> dict[str, Any]:
        job_id = self.consumer.started(self.server.netloc, code)
        return final_job(self.consumer, self.server, job_id)

    def job(self, job_id: str) -> dict[str, Any]:
        return self.consumer.job(self.server.netloc, job_id)

    def fetched(self, job_id: str) -> int:
        return self.consumer.result(self.server.netloc, job_id, 0).status

    def token(self) -> str:
        until = {"address": self.consumer.address, "expiration": int(time.time()) + HOUR // 2}
        answer = call(self.server.netloc, "GET", CREATE, {**self.consumer.signed(), **until})
        return str(answer.json["token"])

    def opens(self, token: str) -> bool:
        query = {"consumerAddress": self.consumer.address}
        answer = call(self.server.netloc, "GET", COMPUTE, query, headers={"AuthToken": token})
        assert answer.status in (200, 400)
        return answer.status == 200

    def watched(self) -> None:
        """Let the watchdog look some times."""
        threshold = time.monotonic() + 1
        awaited(lambda: time.monotonic() > threshold or None, self.server)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    with made.server:
        pass


@pytest.mark.parametrize("jump", JUMPS)
def test_no_nonce_is_accepted_again(place: Place, jump: int) -> None:
    body = place.consumer.start_body("true", "0x1")
    assert call(place.server.netloc, "POST", COMPUTE, body=body).status == 200
    place.set(jump)
    for _ in range(2):
        assert call(place.server.netloc, "POST", COMPUTE, body=body).status == 400
        assert place.finished()["finishReason"] == "completed"
        place.restart()


@pytest.mark.parametrize("jump", JUMPS)
def test_what_happens_to_a_job_happens_in_order(place: Place, jump: int) -> None:
    job_id = place.consumer.started(place.server.netloc, WAITING)
    await_status(place.consumer, place.server, job_id, 40)
    place.set(jump)
    os.mkfifo(place.server.jobs / job_id / "1" / "outputs" / "go")
    job = final_job(place.consumer, place.server, job_id)
    assert (job["finishReason"], job["stopreq"]) == ("completed", 0)
    times = [entry["at"] for entry in job["statusHistory"]]
    assert times == sorted(times, key=float)
    assert float(job["dateCreated"]) <= float(times[-1]) <= float(job["dateFinished"])
    later = place.finished()
    listed = [one["jobId"] for one in place.consumer.jobs(place.server.netloc)]
    assert listed == [later["jobId"], job_id]


@pytest.mark.parametrize("jump", JUMPS)
def test_a_time_limit_counts_what_has_passed(place: Place, jump: int) -> None:
    job_id = place.consumer.started(place.server.netloc, WAITING)
    await_status(place.consumer, place.server, job_id, 40)
    place.set(jump)
    place.watched()
    assert place.job(job_id)["status"] == 40
    place.restart()
    place.watched()
    assert place.job(job_id)["status"] == 40
    os.mkfifo(place.server.jobs / job_id / "1" / "outputs" / "go")
    assert final_job(place.consumer, place.server, job_id)["finishReason"] == "completed"


def test_a_token_expires_by_the_wall_clock_and_a_revoked_one_stays_revoked(place: Place) -> None:
    kept = place.token()
    assert place.opens(kept)
    place.set(DAY)
    assert not place.opens(kept)
    place.set(-HOUR)
    assert place.opens(kept)
    place.set(0)
    query = {**place.consumer.signed(), "address": place.consumer.address, "token": kept}
    assert call(place.server.netloc, "DELETE", REVOKE, query).status == 200
    place.set(DAY)
    place.restart()
    place.set(0)
    assert not place.opens(kept)


def test_results_that_expire_too_early_are_there_again_when_the_clock_is_right(
    place: Place,
) -> None:
    job_id = place.finished()["jobId"]
    place.set(DAY)
    place.watched()
    assert (place.fetched(job_id), place.job(job_id)["results"]) == (404, [])
    place.set(-HOUR)
    assert place.fetched(job_id) == 200
    place.set(0)
    assert place.fetched(job_id) == 200
    place.set(DAY)
    place.restart()  # nothing is known of a jump any more
    awaited(lambda: not list(place.server.jobs.glob("*/*/results")) or None, place.server)
    assert place.fetched(job_id) == 404
