"""How a run ended: the words for it, and whether anything may be collected of it."""

from __future__ import annotations

import pytest

from compute_ref.jobs.endings import by_backend, by_filter, by_size, of_exit
from compute_ref.jobs.model import FinishReason
from compute_ref.plugins import Exit, ExitReason


@pytest.mark.parametrize(
    ("code", "ended"), [(3, "with exit code 3"), (None, "with an unknown exit code")]
)
def test_a_failure_is_told_with_its_exit_code(code: int | None, ended: str) -> None:
    ending = of_exit(Exit(code, ExitReason.EXITED))
    assert ending.message == f"The algorithm ended {ended}. Read algorithm.log for what it said."
    assert (ending.reason, ending.exit_code, ending.sound) == (FinishReason.FAILED, code, True)


@pytest.mark.parametrize("reason", ExitReason)
def test_of_a_run_that_may_have_been_cut_anywhere_nothing_is_collected(reason: ExitReason) -> None:
    unsound = reason in {ExitReason.LOST, ExitReason.BACKEND}
    assert of_exit(Exit(0, reason)).sound is not unsound


@pytest.mark.parametrize(
    "message", ["", "It took 9 GiB."], ids=["nothing to add", "something to add"]
)
def test_what_a_backend_adds_is_told_behind_the_reason(message: str) -> None:
    bare = of_exit(Exit(None, ExitReason.OOM)).message
    told = of_exit(Exit(None, ExitReason.OOM, message)).message
    assert told == (f"{bare} ({message})" if message else bare)


def test_what_could_not_be_collected_is_told_with_what_to_do() -> None:
    restart = "Restart the job; if it ends like this again, tell the server's operator."
    for ending, reason, message in (
        (by_backend("no answer"), "backend", f"The environment failed: no answer. {restart}"),
        (
            by_filter("one raised"),
            "filtering",
            "Only logs are published: one raised. Ask the server's operator what its filters want.",
        ),
        (
            by_size("9 GiB"),
            "storage",
            "Only logs are published: 9 GiB. Make the algorithm write less and restart it.",
        ),
    ):
        assert (ending.reason, ending.message) == (reason, message)
        assert (ending.exit_code, ending.sound) == (None, False)
