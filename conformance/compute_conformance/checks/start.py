"""Starting a job."""

from __future__ import annotations

from compute_conformance.bench import Bench
from compute_conformance.checking import check


@check("CE-START-ONE-OBJECT")
def one_object(bench: Bench) -> None:
    """An ordinary start."""
    consumer = bench.consumer()
    bench.accept(consumer.start(), consumer)
