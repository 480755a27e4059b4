"""Lending the folders of a run to the user that its algorithm runs as, and taking them back."""

from __future__ import annotations

import os

from compute_ref.plugins.backend import Folders

READABLE = 0o750
PRIVATE = 0o700


def give(folders: Folders, uid: int) -> None:
    """Let the run's user, and no other run's, into its folders; only outputs are its own.

    For a server that is root; the group of the same number is the user's alone.
    """
    for folder in (folders.inputs, folders.ddos, folders.transformations, folders.logs):
        os.chown(folder, 0, uid)
        folder.chmod(READABLE)
    os.chown(folders.outputs, uid, uid)
    folders.outputs.chmod(PRIVATE)


def take_back(folders: Folders) -> None:
    """Put the outputs out of reach of the user that wrote them; nothing of it is alive."""
    os.chown(folders.outputs, 0, 0)
    folders.outputs.chmod(PRIVATE)
