"""What wakes a worker, and in which order it hears of it."""

from __future__ import annotations

import pytest

from compute_ref.jobs.mailbox import DeadlinePassed, Left, Mailbox, StopAsked
from compute_ref.testing.clock import MovedClock


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox(MovedClock())


def test_once_a_stop_is_asked_nothing_may_be_launched(mailbox: Mailbox) -> None:
    mailbox.ask_stop()
    assert not mailbox.may_launch()
    assert mailbox.await_quiet(0)


def test_a_launch_before_the_stop_is_not_quiet_until_it_has_ended(mailbox: Mailbox) -> None:
    assert mailbox.may_launch()
    mailbox.ask_stop()
    assert not mailbox.await_quiet(0)
    mailbox.ended()
    assert mailbox.await_quiet(0)


def test_an_algorithm_that_a_former_server_launched_is_alive() -> None:
    assert not Mailbox(MovedClock(), alive=True).await_quiet(0)


def test_a_worker_is_waited_for_as_long_as_may_be(mailbox: Mailbox) -> None:
    assert not mailbox.await_gone(0)
    mailbox.gone()
    assert mailbox.await_gone(0)


def test_what_was_waited_for_counts_before_a_stop_or_the_deadline(mailbox: Mailbox) -> None:
    mailbox.ask_stop()
    mailbox.wait(lambda: True, 0, stoppable=True)
    with pytest.raises(StopAsked):
        mailbox.wait(lambda: False, 0, stoppable=True)
    with pytest.raises(DeadlinePassed):
        mailbox.wait(lambda: False, 0, stoppable=False)


def test_a_worker_that_is_sent_away_goes_whatever_it_waited_for(mailbox: Mailbox) -> None:
    mailbox.leave()
    with pytest.raises(Left):
        mailbox.wait(lambda: True, None, stoppable=True)
