"""The same said otherwise is taken for the same, and something else for something else."""

from __future__ import annotations

from typing import Any

from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.checks.listing import finds
from compute_conformance.checks.restart import able as restartable
from compute_conformance.checks.restart import accepted, ended, refused, unrestarted
from compute_conformance.checks.signatures import HIDDEN
from compute_conformance.checks.tokens import consumer_and_token, stop_by
from compute_conformance.consumers import COMPUTE, SERVICES
from compute_conformance.exchanges import Request
from compute_conformance.verdicts import expect, given

# Stops


@check("CE-STOP-EMPTY-IS-ABSENT")
def empty_document(bench: Bench) -> None:
    """Stops of two jobs: with an empty documentId in the query, and with null in the body."""
    one, other = bench.start(), bench.start()
    finds(one.consumer.stop(jobId=one.job_id, documentId=""), one)
    asked = other.consumer.owned_request("PUT", jobId=other.job_id)
    told = {**asked.query, "documentId": None}
    finds(other.consumer.send(Request("PUT", COMPUTE, json=told)), other)


@check("CE-STOP-OCEAN-JS")
def agreement_beside(bench: Bench) -> None:
    """A stop whose body has the agreementId of the job as well."""
    one = bench.start()
    asked = one.consumer.owned_request("PUT", jobId=one.job_id)
    told = {**asked.query, "agreementId": one.first.get("agreementId") or "0x1"}
    finds(one.consumer.send(Request("PUT", COMPUTE, json=told)), one)


# Tokens


@check("CE-TOKEN-REVOKE-BODY")
def revoked_by_body(bench: Bench) -> None:
    """A revocation whose parameters are in a body of JSON, and a stop by token."""
    consumer, token = consumer_and_token(bench)
    asked = consumer.revocation_request(token)
    body = Request("DELETE", f"{SERVICES}/deleteAuthToken", json=dict(asked.query))
    bench.send(body).offered().accepted()
    stop_by(consumer, token).refused(*HIDDEN)


# Restarts


def _reversed(value: Any) -> Any:
    """The same JSON with the members of each object in the opposite order."""
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(value)}
    return value


@check("CE-RESTART-SPELT")
def members_reversed(bench: Bench) -> None:
    """A restart that says the same, the members of its objects in the opposite order."""
    one = ended(bench)
    accepted(bench, one.restart(**_reversed(one.said))).job()


@check("CE-RESTART-INPUTS")
def further_kept(bench: Bench) -> None:
    """A restart of a job on two datasets."""
    dataset, further = bench.profile.dataset("open"), [bench.profile.dataset("second")]
    job = bench.start(dataset=dataset, additionalDatasets=further)
    bench.finished(job)
    said = {"dataset": dataset, "additionalDatasets": further, "jobId": job.job_id}
    answer = restartable(job.consumer.start(**said))
    with given("a restart that is accepted"):
        found = answer.job().get("inputDID")
    expect(found == job.first.get("inputDID"), f"the datasets {job.first.get('inputDID')}", found)


@check("CE-RESTART-OTHER-USERDATA")
def other_userdata(bench: Bench) -> None:
    """Restarts with other userdata for the dataset, and in an environment that there is not."""
    one = unrestarted(bench)
    dataset = {**one.said["dataset"], "userdata": {"year": 1999}}
    refused(bench, one.restart(dataset=dataset))
    refused(bench, one.restart(environment="no-such-environment"))
