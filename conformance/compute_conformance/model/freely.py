"""What an account does with no job in mind."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from compute_conformance.consumers import SERVICES, Consumer
from compute_conformance.model import answers
from compute_conformance.model.known import Known
from compute_conformance.model.programs import ACCOUNTS, Step
from compute_conformance.verdicts import given

if TYPE_CHECKING:
    from compute_conformance.model.actor import Actor

MOST: Final = 3  # jobs of an account: they are dear
FORGED: Final = "900000000000"  # a nonce that would lock an account out


def start(actor: Actor, step: Step, consumer: Consumer) -> None:
    """Start a job that ends by itself."""
    _start(actor, step, consumer, actor.bench.profile.algorithm("plain"), stays=False)


def start_staying(actor: Actor, step: Step, consumer: Consumer) -> None:
    """Start a job that runs until it is stopped."""
    if actor.staying and actor.room:
        _start(actor, step, consumer, actor.staying, stays=True)


def _start(
    actor: Actor, step: Step, consumer: Consumer, algorithm: dict[str, Any], *, stays: bool
) -> None:
    if len(actor.model.of(step.account)) == MOST:
        return
    said = {"algorithm": algorithm, "dataset": actor.bench.profile.dataset("open")}
    request = consumer.start_request(**said)
    answer = actor.bench.send(request)
    with given("a start that is accepted"):
        started = actor.bench.accept(answer, consumer)
    started.stays = stays
    actor.model.jobs.append(Known(started, step.account, said, stays, started.first))
    actor.spend(step.account, request, started.job_id)


def stop_all(actor: Actor, step: Step, consumer: Consumer) -> None:
    """Stop all jobs of the account."""
    request = consumer.owned_request("PUT")
    answer = actor.bench.send(request)
    mine = actor.model.of(step.account)
    if answer.status in answers.YES:
        actor.spend(step.account, request, *(one.id for one in mine))
        foreign = set(answers.ids(answer)) - {one.id for one in mine}
        actor.model.hold("CE-MODEL-OTHERS", not foreign, "jobs of one's own alone", answer)
        for one in mine:
            one.stopped |= not one.ended


def delete_all(actor: Actor, step: Step, consumer: Consumer) -> None:
    """Delete all jobs of the account and a dataset."""
    mine = actor.model.of(step.account)
    if not mine:
        return
    did = actor.bench.profile.dataset("open")["documentId"]
    request = consumer.owned_request("DELETE", documentId=did)
    answer = actor.bench.send(request)
    taken = answer.status in answers.YES
    actor.model.act("CE-MODEL-DELETE", taken, "a delete that is taken", answer)
    actor.spend(step.account, request, *(one.id for one in mine))
    for one in mine:
        one.deleted = True


def replay(actor: Actor, step: Step, _: Consumer) -> None:
    """Send a call again that was accepted, whoever sent it."""
    if actor.model.spent:
        spent = actor.model.spent[-1 - step.job % len(actor.model.spent)]
        answer = actor.bench.send(spent.request)
        refused = answer.status in answers.USED
        actor.model.hold("CE-MODEL-REPLAY", refused, "a refusal of what was sent before", answer)
        actor.look_at(spent.account)


def stale(actor: Actor, step: Step, consumer: Consumer) -> None:
    """Call with a nonce that is not above the last accepted one."""
    last = actor.model.nonces.get(step.account)
    if last is not None:
        nonce = max(last - step.way, Decimal(1))
        answer = actor.bench.send(consumer.owned_request("PUT", nonce=nonce))
        refused = answer.status in answers.USED
        actor.model.hold("CE-MODEL-REPLAY", refused, f"a refusal of the nonce {nonce}", answer)


def forge(actor: Actor, step: Step, consumer: Consumer) -> None:
    """Call in the account's name, signed by another."""
    forger = actor.consumers[(step.account + 1) % ACCOUNTS]
    mine, last = actor.model.of(step.account), forger.nonce
    told: dict[str, Any] = {"consumerAddress": consumer.address, "nonce": FORGED}
    job = {"jobId": mine[step.job % len(mine)].id} if mine else {}
    request = (
        forger.owned_request("DELETE", **told, **job),
        forger.owned_request("PUT", **told, **job),
        forger.start_request(**told),
        forger.result_request(job.get("jobId", "0" * 31 + "z"), **told),
    )[step.way]
    forger.nonce = last
    answer = actor.bench.send(request)
    actor.model.hold("CE-MODEL-FORGED", answer.status in answers.USED, "a refusal", answer)


def nonce(actor: Actor, step: Step, consumer: Consumer) -> None:
    """Ask for the account's nonce."""
    answer = actor.bench.get(f"{SERVICES}/nonce", userAddress=consumer.address)
    least = actor.model.nonces.get(step.account, Decimal(1))
    most = max(least, actor.model.highest.get(step.account, least))
    with given("the nonce of an account"):
        told = Decimal(str(answer.accepted(200)["nonce"]))
    actor.model.hold("CE-MODEL-NONCE", least <= told < most + 1, f"the nonce {least}", answer)


ACTIONS: Final[dict[str, Callable[[Actor, Step, Consumer], None]]] = {
    "start": start,
    "start-staying": start_staying,
    "stop-all": stop_all,
    "delete-all": delete_all,
    "replay": replay,
    "stale": stale,
    "forge": forge,
    "nonce": nonce,
}
