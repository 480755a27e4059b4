"""Statuses 50, 60 and the final ones: what an algorithm left becomes results, or only logs do.

No output becomes a result without having passed every filter. Each of these phases can be
repeated from the run's outputs after a restart of the server.
"""

from __future__ import annotations

import logging
import sys
from functools import partial
from pathlib import Path

from compute_ref.jobs.calls import CallFailed
from compute_ref.jobs.endings import STOPPED, Ending, by_backend, by_filter, by_size
from compute_ref.jobs.messages import publish_logs as publish_log_files
from compute_ref.jobs.model import FinishReason, Job, Result, ResultType, Status
from compute_ref.jobs.outputs import OUTPUTS, Allowance, OutputsExceeded, collect, seal
from compute_ref.jobs.trees import remove_tree
from compute_ref.jobs.turn import Phase, Turn
from compute_ref.jobs.workspace import COLLECTED, RESULTS
from compute_ref.refusals import NO_FILES, SystemShort
from compute_ref.settings import GIB, MIB
from compute_ref.syncing import sync_folder

log = logging.getLogger(__name__)


def stopped_early(turn: Turn) -> Phase:
    """A stop before 40: there is nothing but logs to publish."""
    turn.mailbox.ended()
    turn.conclude(Ending(FinishReason.STOPPED, STOPPED), Status.PUBLISHING)
    return publish_logs


def concluded(turn: Turn, ending: Ending) -> Phase:
    """The algorithm is over: on to 50, or to 60 where its outputs cannot be relied on."""
    turn.conclude(ending, Status.FILTERING if ending.sound else Status.PUBLISHING)
    turn.mailbox.ended()
    return filter_outputs if ending.sound else publish_logs


def may_collect(job: Job) -> bool:
    """Whether a run at 50 or 60 may publish outputs: it came through 50 and nothing failed there.

    Outputs that cannot be relied on, and runs that never ran, skip 50.
    """
    filtered = any(p.run == job.run and p.status is Status.FILTERING for p in job.history)
    return filtered and job.finish_reason not in {FinishReason.FILTERING, FinishReason.BACKEND}


def filter_outputs(turn: Turn) -> Phase:
    """Status 50: copy the outputs to where only the server writes, and put them to the filters."""
    try:
        turn.ask(
            "collecting the outputs",
            partial(_collect, turn),
            turn.house.deadlines.collecting,
            expected=(OutputsExceeded,),
        )
    except OutputsExceeded as excess:
        return _logs_only(turn, by_size(str(excess)))
    except CallFailed as failure:
        return _logs_only(turn, by_backend(str(failure)))
    return _filter


def _collect(turn: Turn) -> None:
    environment = turn.environment
    size = int(environment.diskGB * GIB) or sys.maxsize
    allowance = Allowance(environment.maxOutputFiles, size, turn.cancel)
    collect(turn.folders.outputs, turn.folders.root / COLLECTED, allowance)


def _filter(turn: Turn) -> Phase:
    hook, folder = turn.house.hooks.filter_results, turn.folders.root / COLLECTED
    patience = turn.house.deadlines.filtering
    try:
        turn.ask_plugins("filtering the results", hook, patience, job=turn.job, folder=folder)
    except CallFailed as failure:
        turn.messages.add(ResultType.FILTERING_LOG, f"{failure}; no output is published.")
        return _logs_only(turn, by_filter(str(failure)))
    return publish


def _logs_only(turn: Turn, ending: Ending) -> Phase:
    """The copies go first: on a full disk there is no room for the record before."""
    for copy in (turn.folders.root / COLLECTED, turn.draft):
        remove_tree(copy)
    turn.overrule(ending)
    return publish_logs


def publish(turn: Turn) -> Phase:
    """Status 60: measure what the filters left and bring it where plug-ins want it."""
    turn.enter(Status.PUBLISHING)
    try:
        results = turn.ask(
            "storing the results", partial(_seal, turn), turn.house.deadlines.publishing
        )
    except CallFailed as failure:
        return _logs_only(turn, by_backend(str(failure)))
    return partial(end, status=Status.COMPLETED, outputs=results, did=_publish_elsewhere(turn))


def _seal(turn: Turn) -> tuple[Result, ...]:
    remove_tree(turn.draft)
    turn.draft.mkdir(mode=0o700)
    (turn.folders.root / COLLECTED).rename(turn.draft / OUTPUTS)
    return seal(turn.draft / OUTPUTS, sync=turn.house.workspaces.sync)


def _publish_elsewhere(turn: Turn) -> str:
    about = {
        "job": turn.job,
        "folder": turn.draft / OUTPUTS,
        "output": turn.house.store.plan(turn.ticket[0]).output,
    }
    hook, patience = turn.house.hooks.publish_results, turn.house.deadlines.publishing
    try:
        did = turn.ask_plugins("publishing the results", hook, patience, **about)
    except CallFailed as failure:
        text = f"{failure}. The results are kept here; fetch them by computeResult."
        turn.messages.add(ResultType.PUBLISH_LOG, text)
        return ""
    return did if isinstance(did, str) else ""


def publish_logs(turn: Turn) -> Phase:
    """Status 60 where there is nothing but logs."""
    turn.enter(Status.PUBLISHING)
    return partial(end, status=Status.COMPLETED)


def provisioning_failed(turn: Turn, status: Status, ending: Ending) -> Phase:
    """On to 31 or 32; the reason goes to both logs and is stored with the final status.

    What was fetched goes first: on a full disk there is no room for the logs before.
    """
    turn.mailbox.ended()
    turn.house.workspaces.keep_logs(*turn.ticket)
    return partial(end, status=status, ending=ending)


def end(
    turn: Turn,
    /,
    status: Status,
    outputs: tuple[Result, ...] = (),
    did: str = "",
    ending: Ending | None = None,
) -> None:
    """Publish the logs beside the `outputs` and make the final `status` durable, then clean up.

    An `ending` that no earlier record holds is said in both logs and stored with the status.
    """
    turn.house.workspaces.ready(*turn.ticket)
    if ending is not None:
        for kind in (ResultType.CONFIGURATION_LOG, ResultType.ALGORITHM_LOG):
            turn.messages.add(kind, ending.message)
    results = _published(turn, outputs)
    now = turn.house.clock.now()

    def final(job: Job) -> Job:
        return (ending.of(job) if ending else job).ended(status, now, results, did)

    turn.change(final, sync=True)
    clean(turn)


def _published(turn: Turn, outputs: tuple[Result, ...]) -> tuple[Result, ...]:
    """The final results; where the disk is too full for them, room is made and less is kept.

    SystemShort where files cannot be opened now: they can be later, and nothing is lost.
    """
    try:
        return _stored(turn, outputs)
    except CallFailed as failure:
        if isinstance(failure.__cause__, OSError) and failure.__cause__.errno in NO_FILES:
            raise SystemShort from failure
        turn.house.workspaces.keep_logs(*turn.ticket)
        if outputs:
            turn.overrule(by_backend(str(failure)))
    turn.draft = turn.house.workspaces.draft(*turn.ticket)  # the old one may yet be written to
    try:
        return _stored(turn, ())
    except CallFailed:
        return ()


def _stored(turn: Turn, outputs: tuple[Result, ...]) -> tuple[Result, ...]:
    """The results, once the draft has taken their place.

    It does so on the worker's own thread: a call that comes back late changes no results.
    """
    storing = partial(_with_logs, turn, turn.draft, outputs)
    results = turn.ask("storing the logs", storing, turn.house.deadlines.publishing)
    try:
        _put_in_place(turn)
    except OSError as failed:
        raise CallFailed("storing the results failed") from failed
    return results


def _put_in_place(turn: Turn) -> None:
    results = turn.folders.root / RESULTS
    remove_tree(results)
    turn.draft.rename(results)
    if turn.house.workspaces.sync:
        sync_folder(turn.folders.root)


def _with_logs(turn: Turn, draft: Path, outputs: tuple[Result, ...]) -> tuple[Result, ...]:
    if not outputs:
        remove_tree(draft)
    draft.mkdir(mode=0o700, exist_ok=True)
    _say_something(turn)
    sync = turn.house.workspaces.sync
    limit = int(turn.environment.logMB * MIB) or sys.maxsize
    logs = publish_log_files(turn.folders.root, draft, turn.messages, limit, sync=sync)
    if sync:
        sync_folder(draft)
    return (*outputs, *logs)


def _say_something(turn: Turn) -> None:
    """An algorithm that said nothing still has a log: the server's own line."""
    written = turn.folders.logs / "algorithm.log"
    silent = not written.is_file() or written.stat().st_size == 0
    if silent and not turn.messages.of(ResultType.ALGORITHM_LOG):
        message = turn.job.finish_message or "The algorithm wrote nothing."
        turn.messages.add(ResultType.ALGORITHM_LOG, message)


def clean(turn: Turn) -> None:
    """Leave nothing of a final run but its results; what fails here is swept up later."""
    if turn.job.launched is not None:
        remove = partial(turn.backend.remove, turn.job.launched)
        try:
            turn.ask("remove", remove, turn.house.deadlines.backend_call)
        except CallFailed:
            log.warning("job %s: its run is left to the next sweep", turn.ticket[0])
    turn.house.workspaces.keep_results(*turn.ticket)
    turn.house.workspaces.remove_older(*turn.ticket)
