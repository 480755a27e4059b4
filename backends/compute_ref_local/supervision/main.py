"""The supervisor's program: read what to do, say that it begins, do it."""

# pathlib would lengthen the start of every job:
# ruff: noqa: PTH108
from __future__ import annotations

import marshal
import os
import sys

from .asking import stop_grace
from .beginning import Begun
from .durably import create
from .kernel import CHILD_SUBREAPER, prctl
from .signals import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .orders import Orders


def main() -> None:
    """Run with the descriptor of the launch lock as the only argument.

    Orders that break off (the server died) start nothing. The lock is let go of once the start
    is on record; a user's lock, where there is one, stays until this process ends.
    """
    wakeup = _heed_signals()
    prctl(CHILD_SUBREAPER, 1)
    orders = _read_orders()
    if orders is None:
        return
    if stop_grace(orders["stop"]) is None:
        _run(orders, wakeup)
    else:
        from .ending import tell

        tell(orders["exit"], None, "exited", "")
    os.unlink(orders["record"])
    os._exit(0)  # at once: there is nothing to tidy up


def _run(orders: Orders, wakeup: int) -> None:
    """What is needed only once the algorithm has begun is imported while it does."""
    create(orders["started"])
    os.close(int(sys.argv[-1]))
    begun = Begun(orders)
    from .watch import Supervision

    Supervision(orders, wakeup, begun).run()


def _heed_signals() -> int:
    readable, wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    return readable


def _read_orders() -> Orders | None:
    with open(0, "rb") as file:
        try:
            orders: Orders = marshal.load(file)  # noqa: S302 - of the server that started this
        except EOFError:
            return None
    return orders
