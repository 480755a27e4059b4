"""A live server whose daemon is killed, restarted or not there, alone or along with the server."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from compute_ref.identity.keys import Account
from tests.backends.docker.daemons import Engine, until
from tests.backends.docker.servers import (
    COPY,
    STAY,
    calling,
    completed,
    ended,
    outputs,
    prepare,
    reached,
    results,
    runs,
    serving,
    start,
)

LIVE = pytest.mark.parametrize("own_engine", [["--live-restore"]], indirect=True, ids=["live"])
BY = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])


@LIVE
@BY
def test_with_live_restore_no_job_is_lost_whatever_was_going_on(
    tmp_path: Path, own_engine: Engine, number: signal.Signals
) -> None:
    """One that goes on, one that ends while the daemon is away, one that waits for it."""
    with (
        serving(prepare(tmp_path, own_engine.host)) as server,
        calling(server.url) as client,
    ):
        staying, ending = start(client, STAY + COPY), start(client, STAY + COPY)
        for job in (staying, ending):
            runs(client, tmp_path, job)
        own_engine.end(number)
        (outputs(tmp_path, ending) / "go").touch()
        until((outputs(tmp_path, ending) / "times").exists, "its end")
        waiting = start(client, COPY)
        own_engine.start()
        (outputs(tmp_path, staying) / "go").touch()
        for job in (staying, ending, waiting):
            end = ended(client, job)
            completed(server, end)
            assert results(client, end)["times"] == "once\n"


@BY
def test_without_it_those_that_ran_are_evicted_and_those_that_wait_are_run(
    tmp_path: Path, own_engine: Engine, number: signal.Signals
) -> None:
    with (
        serving(prepare(tmp_path, own_engine.host)) as server,
        calling(server.url) as client,
    ):
        running = start(client, STAY + COPY)
        runs(client, tmp_path, running)
        own_engine.end(number)
        waiting = start(client, COPY)
        reached(client, waiting, 30)
        own_engine.start()
        evicted, ran = ended(client, running), ended(client, waiting)
        completed(server, ran)
    assert (evicted["status"], evicted["finishReason"]) == (70, "evicted")
    assert "daemon was restarted" in evicted["finishMessage"]


@LIVE
def test_server_and_daemon_killed_together_lose_no_job(tmp_path: Path, own_engine: Engine) -> None:
    """The server does not start without its daemon, and says what to do."""
    account, configuration = Account.create(), prepare(tmp_path, own_engine.host)
    with serving(configuration) as server, calling(server.url, account) as client:
        staying, ending = start(client, STAY + COPY), start(client, STAY + COPY)
        for job in (staying, ending):
            runs(client, tmp_path, job)
        server.end(signal.SIGKILL)
        own_engine.end(signal.SIGKILL)
    (outputs(tmp_path, ending) / "go").touch()
    until((outputs(tmp_path, ending) / "times").exists, "its end")
    refused = serve(configuration)
    assert refused.returncode != 0
    assert f"does not answer at {own_engine.host}: start it" in refused.stderr
    assert "Traceback" not in refused.stderr
    own_engine.start()
    with serving(configuration) as server, calling(server.url, account) as client:
        (outputs(tmp_path, staying) / "go").touch()
        for job in (staying, ending):
            end = ended(client, job)
            completed(server, end)
            assert results(client, end)["times"] == "once\n"


def serve(configuration: Path) -> subprocess.CompletedProcess[Any]:
    """The end of a server that does not come to serve."""
    command = [sys.executable, "-m", "compute_ref", "serve", "--config", str(configuration)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)
