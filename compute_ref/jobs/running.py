"""Status 40: the algorithm runs until it ends by itself, is stopped, or its time is over."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from compute_ref.jobs.calls import Call, CallFailed
from compute_ref.jobs.endings import LOST, STOPPED, TIMEOUT, Ending, by_backend, of_exit
from compute_ref.jobs.mailbox import DeadlinePassed, StopAsked
from compute_ref.jobs.model import FinishReason, Job, Status
from compute_ref.jobs.patience import patiently
from compute_ref.jobs.publishing import concluded
from compute_ref.jobs.turn import Phase, Turn
from compute_ref.plugins import Exit, ExitReason, Handle


def launched(turn: Turn, handle: Handle) -> Phase:
    """The algorithm runs: its time counts from now."""
    moment = turn.house.clock.moment()

    def started(job: Job) -> Job:
        return replace(job.entered(Status.RUNNING, moment.wall), running_since=moment)

    turn.change(started)
    return partial(watch, handle=handle)


def resume(turn: Turn) -> Phase:
    """After a restart of the server: find the run of a job at 40, and go on with it."""
    name = turn.job.launched or ""
    try:
        handle = patiently(
            turn, "find", partial(turn.backend.find, name), turn.house.deadlines.launch
        )
    except StopAsked:
        return concluded(turn, _forced(turn, None, Ending(FinishReason.STOPPED, STOPPED)))
    except CallFailed as failure:
        return concluded(turn, _forced(turn, None, by_backend(str(failure))))
    if isinstance(handle, Handle):
        return partial(watch, handle=handle)
    lost = Ending(FinishReason.LOST, LOST, sound=False)
    return concluded(turn, _forced(turn, None, lost))


def watch(turn: Turn, /, handle: Handle) -> Phase:
    """Wait for the end; no longer than the time limit and what a backend may be late."""
    waiting = turn.begin("wait", partial(turn.backend.wait, handle, None))
    try:
        turn.mailbox.wait(lambda: waiting.done, _limit(turn), stoppable=True)
    except StopAsked:
        return concluded(turn, _forced(turn, waiting, Ending(FinishReason.STOPPED, STOPPED)))
    except DeadlinePassed:
        return concluded(turn, _forced(turn, waiting, Ending(FinishReason.TIMEOUT, TIMEOUT)))
    try:
        return concluded(turn, of_exit(_exit(turn, waiting)))
    except CallFailed as failure:
        return concluded(turn, _forced(turn, None, by_backend(str(failure))))


def _limit(turn: Turn) -> float | None:
    """When the run must be over, by the boot clock; the server's own absence counts."""
    allowed, since = turn.environment.maxJobDuration, turn.job.running_since
    if not allowed or since is None:
        return None
    spent = since.until(turn.house.clock.moment())
    return turn.until(allowed + turn.house.deadlines.run_grace - spent)


def _exit(turn: Turn, waiting: Call[Exit | None]) -> Exit:
    end = turn.answer("wait", waiting)
    if not isinstance(end, Exit) or not isinstance(end.reason, ExitReason):
        raise CallFailed("wait came back without telling how the run ended")
    if not isinstance(end.code, int | None) or not isinstance(end.message, str):
        raise CallFailed("wait came back with an exit that is none")
    return end


def _forced(turn: Turn, waiting: Call[Exit | None] | None, ending: Ending) -> Ending:
    """End the run; outputs count only where the backend confirms that nothing is alive."""
    name, grace = turn.job.launched or "", turn.house.deadlines.stop_grace
    patience = turn.house.deadlines.backend_call
    try:
        turn.ask("stop", partial(turn.backend.stop, name, grace), grace + patience)
        turn.mailbox.ended()
        if waiting is None:
            return ending
        turn.mailbox.wait(lambda: waiting.done, turn.until(patience), stoppable=False)
        return replace(ending, exit_code=_exit(turn, waiting).code)
    except (CallFailed, DeadlinePassed):
        return replace(ending, sound=False)
