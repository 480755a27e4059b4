"""Whatever is asked of any call, signed or not, the answer keeps to the server's own /spec."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator
from webtest import TestResponse

from compute_ref.http.openapi import CALLS, Call, specification
from compute_ref.testing import ComputeApp, compute_app
from compute_ref.testing.consumers import Consumer
from tests.compute_ref.http.test_fuzz import JUNK, PARAMETERS
from tests.endurance.conftest import Tell
from tests.endurance.forms import SEED, form

REQUESTS = form(200, 20_000)
SPECIFICATION: dict[str, Any] = specification()
#: what a signed call signs besides address and nonce, in order
PARTS: Mapping[str, tuple[str, ...]] = {
    "computeStart": ("jobId", "dataset.documentId"),
    "computeStatus": ("jobId", "documentId"),
    "computeStop": ("jobId", "documentId"),
    "computeDelete": ("jobId", "documentId"),
    "computeResult": ("jobId", "index"),
    "createAuthToken": (),
    "deleteAuthToken": (),
}
BROKEN = st.binary(max_size=30) | st.sampled_from([b"[" * 70_000, b'{"a": NaN}', b"\xff", b"null"])


@dataclass
class Target:
    """A server, a consumer that it knows, and how it answered so far."""

    app: ComputeApp
    consumer: Consumer
    jobs: list[str]
    token: str
    counts: Counter[str] = field(default_factory=Counter)
    validators: dict[tuple[str, str, str], OAS31Validator] = field(default_factory=dict)

    def good(self, call: Call, draw: st.DataObject) -> dict[str, Any]:
        """Parameters that make sense for a call; signed where it takes a signature."""
        job_id = draw.draw(st.sampled_from([*self.jobs, "", "unknown"]))
        index = draw.draw(st.sampled_from(["0", "1", "2", "9", ""]))
        known = {
            "consumerAddress": self.consumer.address,
            "address": self.consumer.address,
            "userAddress": self.consumer.address,
            "jobId": job_id,
            "documentId": draw.draw(st.sampled_from([self.app.dataset, ""])),
            "index": index,
            "token": self.token,
            "expiration": int(self.app.clock.now()) + 600,
            "did": self.app.dataset,
            "serviceId": "compute",
            "environment": draw.draw(st.sampled_from(["instant", ""])),
            "chainId": draw.draw(st.sampled_from(["8996", "1", ""])),
        }
        order = self.consumer.order() if call.name == "computeStart" else {}
        wanted = {name: known[name] for name in documented(call) if known.get(name)}
        made = {**order, **wanted}
        if call.name in PARTS and draw.draw(st.booleans()):
            made |= self.consumer.signed(*(told(made, part) for part in PARTS[call.name]))
        return made

    def ask(self, call: Call, draw: st.DataObject) -> TestResponse:
        """One request: a good one, or one of which some, or all, is junk."""
        fields = self.good(call, draw)
        if draw.draw(st.booleans()):
            fields |= draw.draw(st.dictionaries(names(call), JUNK, max_size=2))
        fields = draw.draw(st.just(fields) | st.just(fields) | PARAMETERS)
        method = call.method.upper()
        path = call.path.replace(
            "{did}", draw.draw(st.sampled_from([self.app.dataset, "x", "%00"]))
        )
        headers = {"AuthToken": self.token} if call.token and draw.draw(st.booleans()) else {}
        if call.body and (method == "POST" or draw.draw(st.booleans())):
            sent = json.dumps(fields).encode()
            return self.app.web.request(
                path,
                method=method,
                body=draw.draw(st.just(sent) | st.just(sent) | BROKEN),
                headers={**headers, "Content-Type": "application/json"},
                status="*",
            )
        query = {k: v if isinstance(v, str) else json.dumps(v) for k, v in fields.items()}
        return self.app.web.request(
            f"{path}?{urlencode(query)}", method=method, headers=headers, status="*"
        )

    def check(self, call: Call, answer: TestResponse) -> None:
        """The status is a documented one, and the body what is said of it."""
        status = str(answer.status_int)
        responses = SPECIFICATION["paths"][call.path][call.method]["responses"]
        assert status in responses, (call.name, status, answer.text)
        assert status != "500", answer.text
        self.counts[status] += 1
        if content := responses[status].get("content", {}).get("application/json"):
            assert answer.content_type == "application/json"
            errors = self.validator(call, status, content["schema"]).iter_errors(answer.json)
            assert [error.message for error in errors] == [], (call.name, status, answer.text)

    def validator(self, call: Call, status: str, schema: dict[str, Any]) -> OAS31Validator:
        key = (call.path, call.method, status)
        if key not in self.validators:
            whole = {**schema, "components": SPECIFICATION["components"]}
            self.validators[key] = OAS31Validator(whole)
        return self.validators[key]


def documented(call: Call) -> list[str]:
    """The names of a call's parameters, in its query string or its body."""
    schema = call.query or call.body
    return list(schema().fields) if schema else []


def names(call: Call) -> st.SearchStrategy[str]:
    return st.sampled_from([*documented(call), "x"])


def told(fields: Mapping[str, Any], dotted: str) -> str:
    """The text of a parameter as it is sent, "" where it is not."""
    found: Any = fields
    for name in dotted.split("."):
        found = found.get(name, "") if isinstance(found, dict) else ""
    return str(found)


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with compute_app() as app:
        app.web.lint = False
        consumer = app.consumer()
        jobs = [consumer.start().json[0]["jobId"] for _ in range(2)]
        for job_id in jobs:
            app.finished(job_id)
        yield Target(app, consumer, jobs, consumer.token(int(app.clock.now()) + 3_600))


def test_every_answer_is_as_specified(target: Target, tell: Tell) -> None:
    @seed(SEED)
    @settings(
        max_examples=REQUESTS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(call=st.sampled_from(CALLS), draw=st.data())
    def run(call: Call, draw: st.DataObject) -> None:
        target.check(call, target.ask(call, draw))

    run()
    tell(f"seed {SEED}: {target.counts.total()} requests answered: {dict(target.counts)}")
    assert target.counts["200"] > REQUESTS // 20
    assert target.counts["400"] > REQUESTS // 20
