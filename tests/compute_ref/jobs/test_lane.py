"""Places are taken in order and never one too many."""

from __future__ import annotations

import threading

from compute_ref.jobs.lane import Lane


def test_the_first_comes_first() -> None:
    begun: list[str] = []
    lane = Lane(1, begun.append)
    for ticket in "abc":
        lane.enter(ticket)
    assert begun == ["a"]
    lane.leave("a")
    assert begun == ["a", "b"]
    assert len(lane) == 1


def test_one_under_way_gets_a_place_beyond_the_last_and_is_counted() -> None:
    begun: list[str] = []
    lane = Lane(1, begun.append)
    lane.adopt("a")
    lane.adopt("b")
    lane.enter("c")
    assert len(lane) == 2
    lane.leave("a")
    assert begun == ["a", "b"]
    lane.leave("b")
    assert begun == ["a", "b", "c"]


def test_one_who_withdrew_gets_no_place_and_one_with_a_place_cannot_withdraw() -> None:
    begun: list[str] = []
    lane = Lane(1, begun.append)
    for ticket in "abc":
        lane.enter(ticket)
    assert lane.withdraw("b")
    assert not lane.withdraw("b")
    assert not lane.withdraw("a")
    lane.leave("a")
    assert begun == ["a", "c"]


def test_a_closed_lane_gives_no_places() -> None:
    begun: list[str] = []
    lane = Lane(1, begun.append)
    lane.enter("a")
    lane.close()
    lane.enter("b")
    lane.leave("a")
    assert begun == ["a"]


def test_many_threads_never_take_one_place_too_many() -> None:
    lock, now, most = threading.Lock(), [0], [0]

    def begin(ticket: int) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        threading.Thread(target=end, args=(ticket,)).start()

    done = threading.Semaphore(0)

    def end(ticket: int) -> None:
        with lock:
            now[0] -= 1
        lane.leave(ticket)
        done.release()

    lane = Lane(3, begin)
    threads = [threading.Thread(target=lane.enter, args=(n,)) for n in range(100)]
    for thread in threads:
        thread.start()
    assert all(done.acquire(timeout=20) for _ in range(100))
    assert most[0] <= 3
    assert len(lane) == 0
