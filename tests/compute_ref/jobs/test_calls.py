"""Threads that guests are called on."""

from __future__ import annotations

import threading
from queue import SimpleQueue

from compute_ref.jobs.calls import Hands

PATIENCE = 20  # seconds; only a failure takes so long


def on_hands(hands: Hands, title: str = "a guest") -> threading.Thread:
    """The thread of a call that came back."""
    told: SimpleQueue[threading.Thread] = SimpleQueue()
    hands.take(title, lambda: told.put(threading.current_thread()))
    return told.get(timeout=PATIENCE)


def waits(release: threading.Event) -> None:
    """What a guest does that hangs."""
    release.wait(PATIENCE)


def await_idle(hands: Hands) -> None:
    """Wait until a thread that came back waits for the next call."""
    tries = threading.Event()
    while not hands._idle:
        tries.wait(0.001)


def test_a_thread_that_came_back_takes_the_next_call_under_its_title() -> None:
    hands = Hands()
    first = on_hands(hands, "first")
    await_idle(hands)
    assert on_hands(hands, "second") is first
    assert first.name == "second"
    hands.dismiss()
    first.join(PATIENCE)


def test_a_call_that_hangs_leaves_the_next_one_alone() -> None:
    hands, release = Hands(), threading.Event()
    hands.take("hangs", lambda: waits(release))
    other = on_hands(hands)
    assert other.name == "a guest"
    release.set()
    hands.dismiss()


def test_threads_end_once_they_are_dismissed_idle_or_not() -> None:
    hands, release = Hands(), threading.Event()
    idle = on_hands(hands)
    await_idle(hands)
    busy: SimpleQueue[threading.Thread] = SimpleQueue()
    hands.take("busy", lambda: busy.put(threading.current_thread()))
    hands.take("hangs", lambda: waits(release))
    hands.dismiss()
    release.set()
    late = on_hands(hands, "late")
    for thread in (idle, busy.get(timeout=PATIENCE), late):
        thread.join(PATIENCE)
        assert not thread.is_alive()
