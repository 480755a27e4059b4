"""The contract catches each backend that breaks it, by the test that is named for it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import compute_ref.testing.backend_contract as contract
from compute_ref.testing.backend_contract.limiting import TRIED
from compute_ref_local import LocalBackend
from tests.backends.local.tried import tried
from tests.compute_ref.testing import bent, liars

pytest_plugins = ["pytester"]

LIARS = {
    name: f"{module.__name__.rpartition('.')[2]}.{name}"
    for module in (bent, liars)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and kind.__module__ == module.__name__
}

SUITE = """
from pathlib import Path

import pytest
from compute_ref.plugins import Image
from compute_ref.testing.backend_contract import BackendContract
from compute_ref_local import LocalBackend
from tests.backends.local.tried import tried
from tests.compute_ref.testing import bent, liars


class TestIt(BackendContract):
    not_held = {not_held}
    patience = 6
    slack = 1
    time_limit = 1

    @pytest.fixture
    def data_dir(self):
        return Path({data_dir!r})

    @pytest.fixture
    def new_backend(self, data_dir):
        return lambda: tried({backend}, data_dir, "require")

    @pytest.fixture
    def image(self):
        return {image}

    def connecting(self, host, port):
        return f"python3 -c 'import socket; socket.create_connection((\\"{{host}}\\", {{port}}))'"
"""

LIGHT = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")

#: a liar, the test that is to fail, and what is to be read in its report
CAUGHT = [
    ("SaysNothing", "test_check_says_in_one_line", "assert found.strip()"),
    ("EndsWell", "test_a_run_of_which_nothing_is_left_is_lost", "ExitReason.LOST"),
    ("WaitsNot", "test_a_bad_exit_code_is_told and program", "Exit(code)"),
    ("WaitsNot", "test_a_wait_that_is_not_worth_it and 0.2", "timeout) is None"),
    ("WaitsForEver", "test_a_wait_that_is_not_worth_it and 0.2", "timeout) is None"),
    ("TellsTheEndOnce", "test_all_who_wait_hear", "[Exit(3)] * MANY"),
    ("LeavesChildren", "test_nothing_of_an_ended_run", "server.still(run.folders.outputs)"),
    ("CutsOutputs", "test_a_big_output", "assert found.digest()"),
    ("ExpandsVariables", "test_its_variables", "== variables"),
    ("SplitsPaths", "test_the_algorithms_path_is_quoted", "== ['1', 'a b']"),
    ("SharesVariables", "test_ten_at_once", "Exit(code) for code in range(10)"),
    ("RunsAnyImage", "test_an_image_that_is_not_there", "DID NOT RAISE"),
    ("NamesByJob", "test_a_name_is_made_of", "len(set(names)) == len(names)"),
    ("FindsAnything", "test_a_name_that_was_not_launched", "find(name) is None"),
    ("FindsTheRemoved", "test_a_removed_run_whose_folders_are_gone", "is None"),
    ("RemembersInMemory", "test_a_running_run_is_taken_up and crash", "found is not None"),
    ("RemembersInMemory", "test_a_launch_whose_handle and crash", "found is not None"),
    ("LosesExitCodes", "test_a_run_that_ended_is_taken_up and crash", "== Exit(7)"),
    ("EndsRunsOnClose", "test_a_running_run_is_taken_up and restart", "wait(found, 0) is None"),
    ("TimesInMemory", "test_the_time_limit_holds_over", "did not end in 6 seconds"),
    ("LaunchesTwice", "test_launching_again", "once\\nonce"),
    ("LooksAndThenLaunches", "test_launching_many_times_at_once", "once\\nonce"),
    ("ListsNothing", "test_an_orphan_is_listed and kept", "listed() == {name}"),
    ("ListsWhatHasFolders", "test_an_orphan_is_listed and gone", "listed() == {name}"),
    ("ListsTheRemoved", "test_nothing_is_left_of_ended", "listed() == set()"),
    ("RemovesFromSight", "test_a_running_run_is_listed", "server.still(run.folders.outputs)"),
    ("RemovesAll", "test_removing_one_leaves", "listed() == {handle.name}"),
    ("RemovesOnce", "test_removing_twice", "KeyError"),
    ("RefusesStrangers", "test_removing_what_never_was", "KeyError"),
    ("RefusesStrangers", "test_stopping_what_never_was", "KeyError"),
    ("StopsEarly", "test_a_run_that_ignores_term", "server.still(run.folders.outputs)"),
    ("StopsLate", "test_a_run_that_ignores_term", "SHORT + self.slack"),
    ("StopsWithoutAsking", "test_a_run_is_asked_before", "== Exit(5)"),
    ("StopsOnlyTheLaunched", "test_a_run_stopped_before_its_launch", "is None"),
    ("StopsTheEnded", "test_a_stop_after_the_end", "== Exit(3)"),
    ("TellsNoReason", "test_the_time_limit_ends", "is ExitReason.TIMEOUT"),
    ("TellsNoReason", "test_too_much_memory", "is ExitReason.OOM"),
    ("TellsNoReason", "test_too_much_disk", "is ExitReason.STORAGE"),
    ("HoldsNoLimit", "test_a_chatty_log_is_cut", "len(log) < 11_000"),
    ("HoldsTooMuch", "test_within_its_limits", "== Exit(0)"),
    ("GivesNetwork", "test_without_network", "== (False, 0)"),
    ("GivesNoNetwork", "test_with_network", "(self.gives_network, self.gives_network)"),
    ("ShowsAllWritable", "test_what_it_is_given and inputs", "texts(folder) == before"),
    ("ShowsAllWritable", "test_its_log_is_not_its_to_write", "assert"),
    ("FollowsLinks", "test_links_and_pipes", "whole(outside) == before"),
    ("CopiesLinks", "test_links_and_pipes", "<= {None, stat.S_IFLNK}"),
    ("StartsAnyNumber", "test_too_many_processes", "end.code != 0"),
    ("ShowsItsOwnVariables", "test_nothing_of_the_servers_own", "a key of the server"),
    ("NeedsAnInterpreter", "test_the_algorithm_is_a_program", "== Exit(0)"),
    ("NamesByJob", "test_the_next_run_of_a_job", "is None"),
    ("StopsAll", "test_a_stop_of_one_run", "wait(handle, 0) is None"),
    ("Boasts", "test_a_limit_that_is_not_set", "* len(BOUNDED)"),
    ("Modest", "test_it_tells_what_it_holds", "enforced says 'no' of memory"),
]

Try = Callable[..., pytest.RunResult]


@pytest.fixture
def data_dir(pytester: pytest.Pytester) -> Iterator[Path]:
    """A data folder; whatever a liar left running there is ended."""
    folder = pytester.path / "it's data"
    yield folder
    honest = tried(LocalBackend, folder, "require")
    for name in honest.list():
        honest.remove(name)
    assert list(honest.list()) == []


@pytest.fixture
def try_out(pytester: pytest.Pytester, data_dir: Path) -> Try:
    """Run those tests of the contract whose names contain a text."""

    def run(
        backend: str, test: str, *, not_held: str = "()", image: str = "None"
    ) -> pytest.RunResult:
        pytester.makepyfile(
            SUITE.format(backend=backend, data_dir=str(data_dir), not_held=not_held, image=image)
        )
        return pytester.runpytest_inprocess("-k", test, *LIGHT)

    return run


@pytest.mark.parametrize(("liar", "test", "said"), CAUGHT)
def test_it_is_caught(try_out: Try, liar: str, test: str, said: str) -> None:
    image = "Image('base', '1', '')" if liar == "RunsAnyImage" else "None"
    outcome = try_out(LIARS[liar], test, image=image)
    found = outcome.parseoutcomes()
    assert (found.get("failed"), found.get("passed")) == (1, None)
    assert said in outcome.stdout.str()


def test_no_liar_is_left_out() -> None:
    assert set(LIARS) - {"Altered"} == {liar for liar, _, _ in CAUGHT}


def test_an_honest_backend_passes_there(try_out: Try) -> None:
    """So that it is the lies that fail."""
    outcome = try_out("LocalBackend", "test_a_stop or test_a_name or test_an_orphan")
    assert "failed" not in outcome.parseoutcomes()
    assert outcome.parseoutcomes()["passed"] > 5


def test_what_is_declared_not_to_hold_must_be_said_and_is_not_tried(try_out: Try) -> None:
    modest = try_out(LIARS["Modest"], "test_too_much_memory", not_held="{'memory'}")
    assert modest.parseoutcomes()["passed"] == 1


def test_what_holds_cannot_be_declared_not_to(try_out: Try) -> None:
    outcome = try_out("LocalBackend", "test_too_much_memory", not_held="{'memory'}")
    assert outcome.parseoutcomes()["failed"] == 1
    assert "of memory" in outcome.stdout.str()


def test_a_subclass_without_a_backend_is_told_what_it_needs(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "from compute_ref.testing.backend_contract import BackendContract as B\n"
        "class TestIt(B): pass"
    )
    outcome = pytester.runpytest_inprocess("-k", "test_check", *LIGHT)
    assert "TestIt needs a fixture new_backend" in outcome.stdout.str()


def test_the_example_of_the_package_is_whole(pytester: pytest.Pytester) -> None:
    assert contract.__doc__ is not None
    example = contract.__doc__.split("\n\n", 1)[1].rpartition("\n\nEach call")[0]
    pytester.makepyfile(
        compute_ref_slurm="from compute_ref_local import LocalBackend as SlurmBackend",
        test_example=textwrap.dedent(example),
    )
    outcome = pytester.runpytest_inprocess("--collect-only", "-q", *LIGHT)
    outcome.stdout.fnmatch_lines(["*::TestSlurm::test_a_good_run_ends_with_its_output_and_log"])


def test_all_that_may_be_declared_is_documented() -> None:
    documented = (Path(__file__).parents[3] / "docs" / "embedding.md").read_text(encoding="utf-8")
    declared = [name for name in vars(contract.Abilities) if not name.startswith("_")]
    assert "new_backend" in declared
    for name in {*declared, *TRIED} - {"server", "holds"}:
        assert f"`{name}" in documented
