"""What an account tries with a job of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from compute_conformance.exchanges import Request
from compute_conformance.model import answers
from compute_conformance.model.known import Known
from compute_conformance.model.programs import Step

if TYPE_CHECKING:
    from compute_conformance.model.actor import Actor

OTHERS: Final = "CE-MODEL-OTHERS"


def look(actor: Actor, _: Step, one: Known, other: int) -> None:
    """Ask for the job beside one's own address."""
    consumer = actor.consumers[other]
    answer = consumer.status(jobId=one.id, consumerAddress=consumer.address)
    hidden = one.id not in answers.ids(answer)
    actor.model.hold(OTHERS, hidden, "nothing of another's job", answer)


def stop(actor: Actor, _: Step, one: Known, other: int) -> None:
    """Stop the job."""
    _tried(actor, one, other, actor.consumers[other].owned_request("PUT", jobId=one.id))


def delete(actor: Actor, _: Step, one: Known, other: int) -> None:
    """Delete the job."""
    _tried(actor, one, other, actor.consumers[other].owned_request("DELETE", jobId=one.id))


def _tried(actor: Actor, one: Known, other: int, request: Request) -> None:
    answer = actor.bench.send(request)
    actor.maybe_spend(other, request, answer)
    hidden = one.id not in answers.ids(answer)
    actor.model.hold(OTHERS, hidden, "nothing of another's job", answer)


def fetch(actor: Actor, step: Step, one: Known, other: int) -> None:
    """Download a result of the job."""
    answer = actor.bench.send(actor.consumers[other].result_request(one.id, step.way))
    actor.model.hold(OTHERS, answer.status in answers.NO, "a refusal", answer)


def restart(actor: Actor, _: Step, one: Known, other: int) -> None:
    """Run the job again."""
    if actor.restarts:
        answer = actor.bench.send(actor.repeat(one, actor.consumers[other]))
        refused = answer.status not in answers.YES
        actor.model.hold("CE-MODEL-RESTART-REFUSED", refused, "a refusal", answer)


ACTIONS: Final[dict[str, Callable[[Actor, Step, Known, int], None]]] = {
    "look-as-other": look,
    "stop-as-other": stop,
    "delete-as-other": delete,
    "fetch-as-other": fetch,
    "restart-as-other": restart,
}
