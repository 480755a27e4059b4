"""The supervisor's program: read what to do, say that it begins, do it."""

# pathlib would lengthen the start of every job:
# ruff: noqa: PTH108
from __future__ import annotations

import json
import os
import signal
import sys

from .ending import keep_room, tell, write_durably
from .kernel import CHILD_SUBREAPER, prctl
from .watch import Supervision, stop_grace

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
    if stop_grace(orders["stop"]) is not None:
        tell(orders["exit"], None, "exited", "")
    else:
        keep_room(orders["exit"])
        write_durably(orders["started"], "")
        os.close(int(sys.argv[-1]))
        Supervision(orders, wakeup).run()
    os.unlink(orders["record"])


def _heed_signals() -> int:
    readable, wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    return readable


def _read_orders() -> Orders | None:
    with open(0, encoding="utf-8") as file:
        try:
            orders: Orders = json.load(file)
        except ValueError:
            return None
    return orders
