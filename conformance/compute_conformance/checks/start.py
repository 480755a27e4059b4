"""Starting a job."""

from __future__ import annotations

from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.verdicts import given


@check("CE-START-ONE-OBJECT")
def one_object(bench: Bench) -> None:
    """An ordinary start."""
    consumer = bench.consumer()
    bench.accept(consumer.start(), consumer)


@check("CE-START-NONCE-REPLAY")
def replay(bench: Bench) -> None:
    """A start, and the same bytes again."""
    consumer = bench.consumer()
    request = consumer.start_request()
    with given("a start that is accepted"):
        bench.accept(consumer.send(request), consumer)
    consumer.send(request).refused()
