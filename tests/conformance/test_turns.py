"""Checks that share a consumer never let its nonces arrive out of order, however they run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

import compute_conformance
from compute_conformance.bench import Bench
from compute_conformance.budget import Purse
from compute_conformance.chance import Chance
from compute_conformance.consumers import Consumer
from compute_conformance.exchanges import Answer, Request
from compute_conformance.shelf import Shelf
from compute_conformance.targets import InProcess
from tests.conformance.reference import profile, reference

ALONE: Final = {
    "downloads.parallel",  # holds the turn, and sends from threads of its own
    "downloads.shifted",  # has a job of an algorithm that nobody else asks for
}


def test_what_a_shared_consumer_signs_is_sent_in_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    shared: dict[object, Consumer] = {}
    outside: set[str] = set()
    usual: Callable[..., Any] = Shelf.take
    send = Bench.send

    def take(self: Shelf, name: str, *told: Any) -> Any:
        found, where = usual(self, name, *told)
        if name.startswith("specimen"):
            shared.update((one.consumer.address, one.consumer) for one in where.started)
        return found, where

    def watched(self: Bench, request: Request) -> Answer:
        consumer = shared.get(dict(request.query or {}).get("consumerAddress"))
        signed = "signature" in dict(request.query or {})
        if consumer and signed and not consumer.turn._is_owned():  # type: ignore[attr-defined]
            outside.add(self.name)
        return send(self, request)

    monkeypatch.setattr(Shelf, "take", take)
    monkeypatch.setattr(Bench, "send", watched)
    with reference() as app:
        report = compute_conformance.run(app, profile())
    assert len(shared) > 1
    assert report.exit_code == 0
    assert outside - ALONE == set()


def test_what_a_shared_consumer_started_is_deleted_in_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual, turns = InProcess.send, []
    with reference() as app:
        bench = Bench(InProcess(app), profile(), Purse(profile().budget, Chance().dose))
        turn: Any = bench.endless().consumer.turn

        def watched(self: InProcess, request: Request) -> Answer:
            turns.append((request.method, turn._is_owned()))
            return usual(self, request)

        monkeypatch.setattr(InProcess, "send", watched)
        assert bench.clean() == []
    assert turns == [("PUT", True), ("DELETE", True)]
