"""The instant backend keeps a backend's promises, except where it is told not to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from compute_ref.plugins import (
    AlgorithmUnavailable,
    BackendUnavailable,
    Exit,
    ExitReason,
    Folders,
    Limits,
    Run,
    Site,
    run_name,
)
from compute_ref.testing import instant

RunOf = Callable[..., Run]


@pytest.fixture
def run_of(tmp_path: Path) -> RunOf:
    def make(*lines: str, entrypoint: str = "sh $ALGO") -> Run:
        names = ("inputs", "ddos", "transformations", "outputs", "logs", "control")
        paths = {name: tmp_path / name for name in names}
        for path in paths.values():
            path.mkdir(exist_ok=True)
        text = "\n".join(f"# instant: {line}" for line in lines)
        (paths["transformations"] / "algorithm").write_text(text)
        folders = Folders(root=tmp_path, **paths)
        return Run("job1z", 1, entrypoint, None, {}, folders, Limits())

    return make


def test_it_is_offered_by_the_hook() -> None:
    assert instant.backends() == {"instant": instant.InstantBackend}


def test_a_run_ends_at_once_with_what_its_text_says(run_of: RunOf) -> None:
    backend = instant.InstantBackend()
    run = run_of("write sub/a 4 2", "log hello", "exit 3", "end oom")
    handle = backend.launch(run)
    assert backend.wait(handle, None) == Exit(3, ExitReason.OOM)
    assert (run.folders.outputs / "sub" / "a").read_text() == "4 2\n"
    assert (run.folders.logs / "algorithm.log").read_text() == "hello\n"


def test_the_entrypoint_and_the_options_tell_as_well(run_of: RunOf) -> None:
    site = Site({"lines": ["write a 1"]}, Path(), Path(), True)
    backend = instant.InstantBackend(site)
    run = run_of(entrypoint="sh $ALGO # instant: exit 9")
    assert backend.wait(backend.launch(run), None) == Exit(9)
    assert (run.folders.outputs / "a").exists()


def test_launching_twice_runs_once(run_of: RunOf) -> None:
    backend = instant.InstantBackend()
    assert backend.launch(run_of("write a 1")) == backend.launch(run_of("write a 1"))
    assert (run_of().folders.outputs / "a").read_text() == "1\n"


def test_a_run_that_stays_ends_when_it_is_stopped(run_of: RunOf) -> None:
    backend = instant.InstantBackend()
    handle = backend.launch(run_of("stay"))
    assert backend.wait(handle, 0) is None
    assert backend.running == 1
    backend.stop(handle.name, 5)
    assert backend.wait(handle, None) == Exit(143)


def test_what_was_removed_is_not_found_and_removing_twice_is_fine(run_of: RunOf) -> None:
    backend = instant.InstantBackend()
    handle = backend.launch(run_of())
    assert backend.find(handle.name) == handle
    assert list(backend.list()) == [handle.name]
    backend.remove(handle.name)
    backend.remove(handle.name)
    assert backend.find(handle.name) is None
    assert backend.wait(handle, None) == Exit(None, ExitReason.LOST)


def test_stopping_what_was_never_launched_is_fine() -> None:
    instant.InstantBackend().stop("never", 0)


def test_it_refuses_and_is_away_on_demand(run_of: RunOf) -> None:
    backend = instant.InstantBackend(lines=["unavailable launch 1"])
    with pytest.raises(BackendUnavailable):
        backend.launch(run_of())
    with pytest.raises(AlgorithmUnavailable):
        backend.launch(run_of("refuse"))


@pytest.mark.parametrize("verb", ["name", "launch", "find", "list", "wait", "stop", "remove"])
def test_each_verb_raises_lies_and_hangs_on_demand(run_of: RunOf, verb: str) -> None:
    backend = instant.InstantBackend()
    handle = backend.launch(run_of("stay"))
    how: str
    calls: dict[str, Callable[[], object]] = {
        "name": lambda: backend.name("job1z", 1),
        "launch": lambda: backend.launch(run_of(f"{how} {verb}")),
        "find": lambda: backend.find(handle.name),
        "list": backend.list,
        "wait": lambda: backend.wait(handle, 0),
        "stop": lambda: backend.stop(handle.name, 0),
        "remove": lambda: backend.remove(handle.name),
    }
    call = calls[verb]
    for how in ("raise", "lie", "hang"):
        backend.tell(f"{how} {verb}")
        backend.runs[handle.name].told = [[how, verb]]
        if how == "raise":
            with pytest.raises(RuntimeError):
                call()
        elif how == "lie":
            assert call() == instant.LIES[verb]
        else:
            backend.release()
            call()
    assert run_name("job1z", 1) == handle.name
