"""Who algorithms run as, and how they come to their folders."""

from __future__ import annotations

import os
from typing import NamedTuple

from compute_ref.plugins import Folders
from compute_ref.plugins.folders import give
from compute_ref_kubernetes.control import Control
from compute_ref_kubernetes.options import Options


class User(NamedTuple):
    """The numbers of a user without privileges and of its group."""

    uid: int
    gid: int

    @classmethod
    def of(cls, options: Options) -> User:
        """The configured one where the server is root, and otherwise the server's own.

        What an algorithm writes can so be read and removed by the server. A pod sees nothing of
        the server's but its own run's folders, whoever it runs as.
        """
        if os.geteuid() == 0:
            return cls(options.user, options.user)
        return cls(os.geteuid(), os.getegid())

    def lend(self, folders: Folders, control: Control) -> None:
        """Make the run's folders readable for the user, and outputs and its mark writable."""
        control.make_once()
        if os.geteuid() == 0:
            give(folders, self.uid)
            os.chown(control.once, self.uid, self.gid)
