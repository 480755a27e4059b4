"""What the server says in a job's logs carries nothing that is not the consumer's business."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

from compute_ref.jobs.messages import NOTICES, Messages, plain, publish_logs
from compute_ref.jobs.model import ResultType
from compute_ref.testing.clock import MovedClock


@pytest.mark.parametrize(
    "text",
    [
        "could not open https://user:pw@secret.example:8/x?token=1",
        "s3://secret.example/bucket/key was refused",
        "no such file: '/srv/secret.example/provider.key'",
        "lines\nof\n/srv/secret.example/trace",
    ],
)
def test_urls_and_paths_are_stripped(text: str) -> None:
    assert "secret.example" not in plain(text)
    assert "\n" not in plain(text)


def test_what_is_stripped_is_told() -> None:
    assert plain("no https://secret.example/x in /srv/secret/y.") == (
        "no <URL stripped for security reasons> in <path stripped for security reasons>"
    )


def test_ordinary_sentences_stay_as_they_are() -> None:
    text = "Fetched 1 file(s) and/or wrote /data/outputs/x as text/plain in 3.5 s."
    assert plain(text) == text


def test_an_endless_text_is_cut() -> None:
    assert len(plain("x" * 10**6)) == 1_000


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for name in ("logs", "messages", "draft"):
        (tmp_path / name).mkdir()
    return tmp_path


def published(run: Path, messages: Messages, limit: int = 10**6) -> dict[str, bytes]:
    logs = publish_logs(run, run / "draft", messages, limit, sync=True)
    return {log.filename: (run / "draft" / log.path).read_bytes() for log in logs}


def test_only_logs_with_something_in_them_are_published_but_the_algorithms_always(
    run: Path,
) -> None:
    messages = Messages(run / "messages", MovedClock())
    messages.add(ResultType.FILTERING_LOG, "Refused.")
    assert published(run, messages) == {
        "algorithm.log": b"",
        "filtering.log": b"2023-11-14T22:13:20+00:00 Refused.\n",
    }


def test_a_result_tells_the_size_and_the_checksum_of_its_log(run: Path) -> None:
    (run / "logs" / "algorithm.log").write_bytes(b"hello\n")
    (log,) = publish_logs(
        run, run / "draft", Messages(run / "messages", MovedClock()), 9, sync=True
    )
    assert (log.filesize, log.sha256) == (6, hashlib.sha256(b"hello\n").hexdigest())


def test_published_logs_are_the_servers_alone(run: Path) -> None:
    published(run, Messages(run / "messages", MovedClock()))
    assert stat.S_IMODE((run / "draft" / "logs").stat().st_mode) == 0o700


@pytest.mark.parametrize("sync", [True, False])
def test_published_logs_are_on_the_disk_where_that_is_waited_for(
    run: Path, sync: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(
        os, "fsync", lambda file: synced.append(Path(f"/proc/self/fd/{file}").readlink().name)
    )
    messages = Messages(run / "messages", MovedClock())
    messages.add(ResultType.PUBLISH_LOG, "Published.")
    publish_logs(run, run / "draft", messages, 9, sync=sync)
    assert synced == (["algorithm.log", "publish.log"] if sync else [])


@pytest.mark.parametrize("kind", ["symlink_to", "hardlink_to"])
def test_a_log_that_the_algorithm_replaced_by_a_link_is_left_out(run: Path, kind: str) -> None:
    (run / "secret").write_text("secret")
    getattr(run / "logs" / "algorithm.log", kind)(run / "secret")
    assert published(run, Messages(run / "messages", MovedClock()))["algorithm.log"] == b""


def test_a_log_that_became_a_pipe_holds_nobody_up(run: Path) -> None:
    os.mkfifo(run / "logs" / "algorithm.log")
    assert published(run, Messages(run / "messages", MovedClock()))["algorithm.log"] == b""


def test_a_log_that_no_backend_bounded_is_cut_and_the_servers_line_follows(run: Path) -> None:
    (run / "logs" / "algorithm.log").write_bytes(b"x" * 10_000)
    messages = Messages(run / "messages", MovedClock())
    messages.add(ResultType.ALGORITHM_LOG, "Cut.")
    text = published(run, messages, limit=10)["algorithm.log"]
    assert text.startswith(b"x" * (10 + NOTICES) + b"2023")
    assert text.endswith(b"Cut.\n")


def test_what_a_backend_says_below_a_full_log_is_published(run: Path) -> None:
    log = b"x" * 10 + b"\n[The rest was cut off.]\n[The algorithm reached the time limit.]\n"
    (run / "logs" / "algorithm.log").write_bytes(log)
    messages = Messages(run / "messages", MovedClock())
    assert published(run, messages, limit=10)["algorithm.log"] == log
