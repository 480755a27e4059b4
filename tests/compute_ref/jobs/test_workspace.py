"""The folders of runs, and what a hostile tree in them can do: nothing."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from compute_ref.jobs.model import Job, Result, ResultType
from compute_ref.jobs.outputs import stored
from compute_ref.jobs.workspace import Workspaces
from compute_ref.refusals import ResultUnknown


@pytest.fixture
def workspaces(tmp_path: Path) -> Workspaces:
    return Workspaces(tmp_path)


def job_with(path: str) -> Job:
    result = Result("shown", 1, ResultType.OUTPUT, "", path)
    return Job(
        job_id="job1z",
        owner="",
        document_id="",
        agreement_id="",
        environment="local",
        algo_did="raw",
        input_dids=(),
        created=0,
        results=(result,),
    )


def results_folder(workspaces: Workspaces) -> Path:
    folder = workspaces.ready("job1z", 1).root / "results"
    folder.mkdir()
    return folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_let_a_runs_user_pass_but_not_look_around(
    workspaces: Workspaces, tmp_path: Path
) -> None:
    old = os.umask(0o077)
    try:
        folders = workspaces.ready("job1z", 1)
    finally:
        os.umask(old)
    for path in (tmp_path / "jobs", tmp_path / "jobs" / "job1z", folders.root):
        assert mode(path) == 0o711
    assert mode(folders.inputs) == 0o750
    assert mode(folders.control) == mode(folders.root / "messages") == 0o700


@pytest.mark.parametrize(
    "job_id", ["", ".", "..", "../x", "a/b", "a\0b", "/job1z", ".removed-1", "-x", "a" * 129, "a\n"]
)
def test_a_job_id_that_is_a_path_is_refused(workspaces: Workspaces, job_id: str) -> None:
    for use in (
        workspaces.remove,
        lambda i: workspaces.run(i, 1),
        lambda i: workspaces.fresh(i, 1),
    ):
        with pytest.raises(ValueError, match="job id"):
            use(job_id)


def test_results_are_made_durable_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    assert Workspaces(tmp_path).sync
    assert not Workspaces(tmp_path, sync=False).sync


def test_a_link_in_the_place_of_a_folder_is_not_taken_for_it(
    workspaces: Workspaces, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    workspaces.run("job1z", 1).root.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        workspaces.ready("job1z", 1)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_only_jobs_with_more_than_the_results_of_one_run_are_untidy(
    workspaces: Workspaces, tmp_path: Path
) -> None:
    for job_id, kept in {
        "tidy": ["1/results"],
        "bare": ["2"],
        "empty": [],
        "twice": ["1/results", "2"],
        "thrice": ["1", "2", "3"],
        "draft": ["1/results", "1/draft-1"],
        "working": ["1/inputs"],
        ".removed-1": ["1/inputs"],
    }.items():
        for name in ("", *kept):
            (tmp_path / "jobs" / job_id / name).mkdir(parents=True, exist_ok=True)
    assert sorted(workspaces.untidy()) == ["draft", "thrice", "twice", "working"]


def test_fresh_folders_are_empty(workspaces: Workspaces) -> None:
    folders = workspaces.fresh("job1z", 1)
    (folders.inputs / "half").write_text("x")
    assert list(workspaces.fresh("job1z", 1).inputs.iterdir()) == []


def test_removing_twice_is_fine(workspaces: Workspaces, tmp_path: Path) -> None:
    workspaces.ready("job1z", 1)
    workspaces.remove("job1z")
    workspaces.remove("job1z")
    assert list((tmp_path / "jobs").iterdir()) == []


def test_removing_follows_no_link(workspaces: Workspaces, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    folders = workspaces.ready("job1z", 1)
    (folders.outputs / "link").symlink_to(precious)
    folders.inputs.rmdir()
    folders.inputs.symlink_to(precious)
    workspaces.remove("job1z")
    assert (precious / "file").read_text() == "x"
    assert not folders.root.exists()


def test_removing_copes_with_folders_that_deny_everything(workspaces: Workspaces) -> None:
    folders = workspaces.ready("job1z", 1)
    inner = folders.outputs / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "file").write_text("x")
    for path in (inner, inner.parent, folders.outputs):
        path.chmod(0)
    workspaces.remove("job1z")
    assert not folders.root.exists()


def test_removing_copes_with_somebody_who_still_writes(workspaces: Workspaces) -> None:
    folders = workspaces.ready("job1z", 1)
    handle = os.open(folders.outputs, os.O_RDONLY)
    ended = threading.Event()

    def write() -> None:
        for number in range(2_000):
            try:
                os.mkdir(f"{number}", dir_fd=handle)
            except FileNotFoundError:
                break
        ended.set()

    threading.Thread(target=write, daemon=True).start()
    workspaces.remove("job1z")
    assert ended.wait(20)
    os.close(handle)
    assert not folders.root.exists()


def test_a_removal_cut_short_is_finished_at_the_next_start(
    workspaces: Workspaces, tmp_path: Path
) -> None:
    left = tmp_path / "jobs" / ".removed-0123456789abcdef"
    (left / "1" / "inputs").mkdir(parents=True)
    workspaces.ready("job1z", 1)
    workspaces.sweep()
    assert [path.name for path in (tmp_path / "jobs").iterdir()] == ["job1z"]


def test_only_older_runs_are_removed(workspaces: Workspaces) -> None:
    roots = [workspaces.ready("job1z", number).root for number in (1, 2, 10)]
    workspaces.remove_older("job1z", 2)
    assert [root.exists() for root in roots] == [False, True, True]


@pytest.mark.parametrize("name", ["a", "sub/a", "bad\udcff", "100%", "%41"])
def test_a_result_is_opened_by_its_index(workspaces: Workspaces, name: str) -> None:
    path = results_folder(workspaces) / "outputs" / name
    path.parent.mkdir(parents=True)
    path.write_text("content")
    with workspaces.open_result(job_with(f"outputs/{stored(name)}"), 0) as stream:
        assert stream.read() == b"content"


@pytest.mark.parametrize("index", [-1, 1, 10**30])
def test_an_index_that_is_not_there_is_unknown(workspaces: Workspaces, index: int) -> None:
    with pytest.raises(ResultUnknown, match="no result with this index"):
        workspaces.open_result(job_with("outputs/a"), index)


def test_a_result_that_became_a_link_or_device_is_unknown(
    workspaces: Workspaces, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    results = results_folder(workspaces)
    (results / "link").symlink_to(secret)
    (results / "folder").symlink_to(tmp_path)
    os.mkfifo(results / "pipe")
    for path in ("link", "folder/secret", "pipe", "missing", "link/x"):
        with pytest.raises(ResultUnknown, match="no longer there"):
            workspaces.open_result(job_with(path), 0)


def test_on_a_full_disk_only_logs_and_messages_of_a_run_stay(workspaces: Workspaces) -> None:
    root = workspaces.ready("job1z", 1).root
    before = {path.name for path in root.iterdir()}
    for name in ("collected", "results", "draft1"):
        (root / name).mkdir()
        (root / name / "file").write_text("x")
    workspaces.keep_logs("job1z", 1)
    assert {path.name for path in root.iterdir()} == before - {"inputs", "outputs"}
    assert {"logs", "messages"} < before


def test_results_stay_when_the_rest_of_a_run_goes(workspaces: Workspaces) -> None:
    kept = results_folder(workspaces) / "a"
    kept.write_text("x")
    for name in ("collected", "draft-1"):
        (kept.parent.parent / name).mkdir()
    workspaces.keep_results("job1z", 1)
    assert [path.name for path in kept.parent.parent.iterdir()] == ["results"]
    workspaces.remove_results(job_with("a"))
    assert not kept.exists()


def test_a_run_that_a_later_one_removes_meanwhile_is_cleared_already(
    workspaces: Workspaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspaces.ready("job1z", 1)
    workspaces.remove_older("job1z", 2)
    monkeypatch.setattr(Path, "is_dir", lambda _: True)  # it was there a moment ago
    workspaces.keep_results("job1z", 1)
    assert not workspaces.run("job1z", 1).root.exists()
