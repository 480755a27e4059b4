"""From 30 to 40: the run's name is made durable, then the algorithm is launched under it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from compute_ref.assets.plan import Plan, short_did
from compute_ref.jobs.calls import CallFailed
from compute_ref.jobs.endings import Ending, by_backend
from compute_ref.jobs.mailbox import StopAsked
from compute_ref.jobs.messages import plain
from compute_ref.jobs.model import FinishReason, ResultType, Status
from compute_ref.jobs.patience import patiently
from compute_ref.jobs.publishing import concluded, provisioning_failed, stopped_early
from compute_ref.jobs.running import launched
from compute_ref.jobs.turn import Phase, Turn
from compute_ref.plugins import AlgorithmUnavailable, Handle, Image, Limits, Run
from compute_ref.settings import GIB, MIB, Environment


def name_run(turn: Turn) -> Phase:
    """Make the run's name durable: whatever is launched can be found again."""
    naming = partial(turn.backend.name, *turn.ticket)
    try:
        name = turn.ask("name", naming, turn.house.deadlines.backend_call)
    except CallFailed as failure:
        return concluded(turn, by_backend(str(failure)))
    if not _is_name(name):
        return concluded(turn, by_backend("it gave the run no name"))
    turn.change(partial(replace, launched=name), sync=True)
    return launch


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name != ""


def _is_handle(handle: object) -> bool:
    return isinstance(handle, Handle)


def launch(turn: Turn) -> Phase:
    """Launch under the stored name; after a restart of the server this starts nothing twice."""
    if turn.mailbox.stop_asked or not turn.mailbox.may_launch():
        return _called_off(turn)
    try:
        handle = patiently(turn, "launch", partial(_launch, turn), turn.house.deadlines.launch)
    except StopAsked:
        return _called_off(turn)
    except AlgorithmUnavailable as refusal:
        ending = Ending(FinishReason.ALGORITHM_PROVISIONING, plain(str(refusal)))
        return provisioning_failed(turn, Status.ALGORITHM_FAILED, ending)
    except CallFailed as failure:
        return _failed(turn, by_backend(str(failure)))
    if not _is_handle(handle):
        return _failed(turn, by_backend("launch gave no handle"))
    turn.messages.add(ResultType.CONFIGURATION_LOG, "The algorithm was launched.")
    return launched(turn, handle)


def _launch(turn: Turn) -> Handle:
    run = describe(turn, turn.house.store.plan(turn.ticket[0]))
    handle = turn.backend.launch(run)
    if turn.given_up.is_set():
        turn.backend.remove(turn.job.launched or "")
    return handle


def _called_off(turn: Turn) -> Phase:
    _halt(turn)
    return stopped_early(turn)


def _failed(turn: Turn, ending: Ending) -> Phase:
    _halt(turn)
    return concluded(turn, ending)


def _halt(turn: Turn) -> None:
    """End what a launch that nobody waits for may have started, or may start yet."""
    turn.given_up.set()
    grace = turn.house.deadlines.stop_grace
    stop = partial(turn.backend.stop, turn.job.launched or "", grace)
    try:
        turn.ask("stop", stop, grace + turn.house.deadlines.backend_call)
    except CallFailed:
        text = "The environment did not confirm that nothing of the run is left."
        turn.messages.add(ResultType.CONFIGURATION_LOG, text)


def describe(turn: Turn, plan: Plan) -> Run:
    """The run as its backend needs to know it."""
    algorithm = plan.algorithm
    image = Image(algorithm.image, algorithm.tag, algorithm.checksum) if algorithm.image else None
    return Run(
        job_id=turn.ticket[0],
        number=turn.ticket[1],
        entrypoint=algorithm.entrypoint,
        image=image,
        variables=variables(plan),
        folders=turn.folders,
        limits=limits(turn.environment),
        network=plan.network,
    )


def variables(plan: Plan) -> Mapping[str, str]:
    """The algorithm's variables that do not name folders; `secret` is random for each launch."""
    return {
        "DIDS": json.dumps([short_did(dataset.document_id) for dataset in plan.datasets]),
        "TRANSFORMATION_DID": short_did(plan.algorithm.document_id),
        "secret": secrets.token_hex(32),
    }


def limits(environment: Environment) -> Limits:
    """What a run of this environment may use."""
    return Limits(
        cpus=environment.cpuNumber,
        memory=int(environment.ramGB * GIB),
        disk=int(environment.diskGB * GIB),
        log=int(environment.logMB * MIB),
        seconds=environment.maxJobDuration,
        processes=environment.processes,
        gpus=environment.gpuNumber,
    )
