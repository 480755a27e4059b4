"""What an account does with a job of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from compute_conformance.consumers import Consumer
from compute_conformance.exchanges import Answer
from compute_conformance.model import answers
from compute_conformance.model.known import Known
from compute_conformance.model.programs import Step
from compute_conformance.verdicts import Late

if TYPE_CHECKING:
    from compute_conformance.model.actor import Actor


def look(actor: Actor, _: Step, one: Known, consumer: Consumer) -> None:
    """Ask for the job by its id and its owner."""
    _shown(actor, one, consumer.status(jobId=one.id, consumerAddress=consumer.address))


def look_signed(actor: Actor, _: Step, one: Known, consumer: Consumer) -> None:
    """The same, signed."""
    _shown(actor, one, consumer.signed_status(one.id))


def wait(actor: Actor, step: Step, one: Known, consumer: Consumer) -> None:
    """Wait for a job that has to end."""
    if one.settled:
        return
    due = "CE-MODEL-STOPPED" if one.stopped else "CE-MODEL-ENDS"
    whole = due not in actor.model.forgiven
    try:
        actor.model.see(one, actor.bench.finished(one.started, whole=whole))
    except Late as late:
        look(actor, step, one, consumer)
        actor.model.hold(due, one.ended, late.expected, late.observed)


def stop(actor: Actor, _: Step, one: Known, consumer: Consumer) -> None:
    """Stop the job, whatever its state."""
    request = consumer.owned_request("PUT", jobId=one.id)
    answer = actor.bench.send(request)
    if one.deleted:
        _nothing(actor, one, answer)
        return
    taken = answers.ids(answer) == [one.id]
    actor.model.act("CE-MODEL-STOP", taken, f"the job {one.id} alone", answer)
    actor.spend(one.owner, request, one.id)
    one.stopped |= not one.ended


def delete(actor: Actor, _: Step, one: Known, consumer: Consumer) -> None:
    """Delete the job, whatever its state."""
    request = consumer.owned_request("DELETE", jobId=one.id)
    answer = actor.bench.send(request)
    if one.deleted:
        _nothing(actor, one, answer)
        return
    taken = answer.status in answers.YES
    actor.model.act("CE-MODEL-DELETE", taken, "a delete that is taken", answer)
    actor.spend(one.owner, request, one.id)
    one.deleted = True


def restart(actor: Actor, step: Step, one: Known, consumer: Consumer) -> None:
    """Run the job again, which is accepted once it has ended."""
    if not actor.restarts:
        return
    wait(actor, step, one, consumer)
    due = not (one.deleted or one.runs_on)
    if due and one.stays and not actor.room:
        return
    request = actor.repeat(one, consumer)
    answer = actor.bench.send(request)
    if not due:
        refused = answer.status not in answers.YES
        actor.model.hold("CE-MODEL-RESTART-REFUSED", refused, "a refusal", answer)
        return
    taken = answers.ids(answer) == [one.id]
    actor.model.act("CE-MODEL-RESTART", taken, f"the job {one.id}, run again", answer)
    actor.spend(one.owner, request, one.id)
    one.again(answer.job())


def fetch(actor: Actor, step: Step, one: Known, consumer: Consumer) -> None:
    """Download a result, which is there once the job has ended."""
    wait(actor, step, one, consumer)
    request = consumer.result_request(one.id, step.way)
    answer = actor.bench.send(request)
    results = one.last.get("results") or []
    if one.deleted or one.runs_on or step.way >= len(results):
        blamed = "CE-MODEL-DELETED" if one.deleted else "CE-MODEL-RESULTS"
        actor.model.hold(blamed, answer.status in answers.NO, "a refusal", answer)
        return
    content = one.content.setdefault(step.way, answer.body)
    sized = len(content) == results[step.way].get("filesize", len(content))
    right = answer.status == 200 and answer.body == content and sized
    if actor.model.hold("CE-MODEL-RESULTS", right, f"the bytes {content[:50]!r}", answer):
        actor.spend(one.owner, request, one.id)


def _shown(actor: Actor, one: Known, answer: Answer) -> None:
    if one.deleted:
        _nothing(actor, one, answer)
    elif actor.model.hold("CE-MODEL-KEPT", one.id in answers.ids(answer), one.id, answer):
        actor.model.see(one, next(job for job in answer.jobs() if job["jobId"] == one.id))


def _nothing(actor: Actor, one: Known, answer: Answer) -> None:
    """The answer about a job that was deleted."""
    if answer.request.method != "GET":
        actor.maybe_spend(one.owner, answer.request, answer)
    gone = one.id not in answers.ids(answer)
    actor.model.hold("CE-MODEL-DELETED", gone, "nothing of a deleted job", answer)


ACTIONS: Final[dict[str, Callable[[Actor, Step, Known, Consumer], None]]] = {
    "look": look,
    "look-signed": look_signed,
    "wait": wait,
    "stop": stop,
    "delete": delete,
    "restart": restart,
    "fetch": fetch,
}
