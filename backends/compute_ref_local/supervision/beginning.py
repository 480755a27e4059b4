"""The start of the algorithm, by a fork."""

# pathlib would lengthen the start of every job:
# ruff: noqa: PTH116
from __future__ import annotations

import os

from .child import become
from .output import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .orders import Orders


class Begun:
    """An algorithm that was started: its `main` process, its `output`, the `told` of its sandbox.

    `device` is the disk of its outputs, as found before anything of it could change them.
    """

    def __init__(self, orders: Orders) -> None:
        self.device = os.stat(orders["outputs"]).st_dev
        self.output = Output(orders["log"], orders["log_limit"])
        self.told, teller = os.pipe2(os.O_CLOEXEC)
        self.main = _forked(orders, self.output.into, teller)
        self.output.begin()
        os.close(teller)


def _forked(orders: Orders, output: int, teller: int) -> int:
    parent = os.getpid()
    main = os.fork()
    if main == 0:
        try:
            become(orders, output, teller, parent)
        except BaseException as failed:  # nobody above could report it
            os.write(2, f"The algorithm could not be started: {failed}\n".encode())
            os.write(3, b"failed")
        finally:
            os._exit(127)
    return main
