"""From 10 to 30: the workspace is made, inputs and algorithm are put in place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from compute_ref.assets.cancellation import Cancellation
from compute_ref.assets.plan import Plan
from compute_ref.jobs.calls import CallFailed
from compute_ref.jobs.endings import Ending
from compute_ref.jobs.launching import name_run
from compute_ref.jobs.mailbox import StopAsked
from compute_ref.jobs.messages import plain
from compute_ref.jobs.model import FinishReason, ResultType, Status
from compute_ref.jobs.provisioning import AlgorithmFailed, DataFailed
from compute_ref.jobs.publishing import provisioning_failed, stopped_early
from compute_ref.jobs.turn import Phase, Turn
from compute_ref.plugins import Folders

Part = Callable[[Plan, Folders, Cancellation, Callable[[str], None]], object]
MOST_ATTEMPTS: Final = 3
WORN_OUT: Final = (
    "The server went down each time while it put the inputs in place. Tell its operator, and"
    " restart the job when the server is well again."
)
LATER: Final = "Try again later, or tell the server's operator."


def prepare(turn: Turn) -> Phase:
    """Begin, or begin again after a restart of the server, at most three times."""
    if turn.mailbox.stop_asked:
        return stopped_early(turn)
    if turn.job.attempts >= MOST_ATTEMPTS:
        return _data_failed(turn, WORN_OUT)
    turn.enter(Status.STARTED)
    turn.change(lambda job: replace(job, attempts=job.attempts + 1))
    turn.enter(Status.CONFIGURING)
    _make_folders(turn)
    return provision_data


def _make_folders(turn: Turn) -> None:
    """On the worker's own thread: a delete waits for it, so that nothing is made after it."""
    turn.house.workspaces.remove_older(*turn.ticket)
    turn.house.workspaces.fresh(*turn.ticket)


def provision_data(turn: Turn) -> Phase:
    """Fetch the inputs; a stop does not wait for them."""
    until = turn.until(turn.house.deadlines.provisioning)
    try:
        _provision(turn, turn.house.provision.data, until, DataFailed)
    except StopAsked:
        return stopped_early(turn)
    except DataFailed as failure:
        return _data_failed(turn, str(failure))
    except CallFailed as failure:
        return _data_failed(turn, f"The inputs could not be put in place: {failure}. {LATER}")
    return partial(provision_algorithm, until=until)


def provision_algorithm(turn: Turn, /, until: float) -> Phase:
    """Fetch the algorithm, in what the inputs left of the time for both."""
    try:
        _provision(turn, turn.house.provision.algorithm, until, AlgorithmFailed)
    except StopAsked:
        return stopped_early(turn)
    except AlgorithmFailed as failure:
        return _algorithm_failed(turn, str(failure))
    except CallFailed as failure:
        text = f"The algorithm could not be put in place: {failure}. {LATER}"
        return _algorithm_failed(turn, text)
    turn.enter(Status.PROVISIONED)
    return name_run


def _provision(turn: Turn, part: Part, until: float, failure: type[Exception]) -> None:
    say = partial(turn.messages.add, ResultType.CONFIGURATION_LOG)

    def put_in_place() -> object:
        plan = turn.house.store.plan(turn.ticket[0])
        return part(plan, turn.folders, turn.cancel, say)

    left = until - turn.house.clock.ticks()
    turn.ask("provisioning", put_in_place, left, stoppable=True, expected=(failure,))


def _data_failed(turn: Turn, text: str) -> Phase:
    ending = Ending(FinishReason.DATA_PROVISIONING, plain(text))
    return provisioning_failed(turn, Status.DATA_FAILED, ending)


def _algorithm_failed(turn: Turn, text: str) -> Phase:
    ending = Ending(FinishReason.ALGORITHM_PROVISIONING, plain(text))
    return provisioning_failed(turn, Status.ALGORITHM_FAILED, ending)
