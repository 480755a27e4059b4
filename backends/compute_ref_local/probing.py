"""Finding out, by running an algorithm, how algorithms can be run here."""

from __future__ import annotations

import fcntl
import itertools
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Final

from compute_ref.plugins import Exit, Folders, Limits, Run
from compute_ref_local.manner import Manner
from compute_ref_local.sandbox import Bubblewrap, SandboxUnusable
from compute_ref_local.supervision.calls import refusal

ENTRYPOINT: Final = 'cat "$INPUTS/probe" > "$OUTPUTS/probe"'
LIMITS: Final = Limits(seconds=20)
PROBE: Final = "probe-"
FILTERS: Final = (True, False) if refusal() else (False,)

Places = Sequence[Path | None]  # groups below which runs get theirs, None for none, best first
Trial = Callable[[Manner, Run], tuple[Exit, str]]


class BareUnusable(Exception):
    """Not even a run without a sandbox comes to a good end; the text says what was wrong."""


def sandboxed(trial: Trial, folder: Path, own_users: bool, places: Places) -> Manner:
    """The best way in which bubblewrap works here, or SandboxUnusable with the reason.

    With namespaces of its own an algorithm of the server's user could change its control group.
    """
    bubblewrap, stages = Bubblewrap.find(), (True, False) if own_users else (False,)
    places = places if own_users or bubblewrap.disable_userns else (None,)
    choices = itertools.product(places, FILTERS, stages)
    ways = (Manner(bubblewrap, own_users, *choice) for choice in choices)
    found, said = _first(ways, trial, folder)
    if found is None:
        raise SandboxUnusable(f"bubblewrap does not work here ({said})")
    return found


def bare(trial: Trial, folder: Path, own_users: bool, places: Places) -> Manner:
    """The best way without a sandbox, or BareUnusable with the reason.

    An algorithm that is the server's user could leave its control group: it has none.
    """
    choices = itertools.product(places if own_users else (None,), FILTERS)
    ways = (Manner(None, own_users, *choice) for choice in choices)
    found, said = _first(ways, trial, folder)
    if found is None:
        raise BareUnusable(said)
    return found


def _first(ways: Iterable[Manner], trial: Trial, folder: Path) -> tuple[Manner | None, str]:
    """The first way that works, or None and what was wrong with the last one."""
    problem = ""
    for manner in ways:
        problem = try_out(trial, manner, folder)
        if not problem:
            return manner, ""
    return None, problem


def try_out(trial: Trial, manner: Manner, folder: Path) -> str:
    """Run a small algorithm in a new folder below `folder`; "" or what went wrong."""
    with _alone(folder):
        for left in folder.glob(f"{PROBE}*"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        root = folder / f"{PROBE}{secrets.token_hex(8)}"
        try:
            return _try_out(trial, manner, root)
        finally:
            shutil.rmtree(root, ignore_errors=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Whatever probe there is in `folder`, it is ours: other processes wait."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _try_out(trial: Trial, manner: Manner, root: Path) -> str:
    run = Run("probe", 1, ENTRYPOINT, None, {}, _folders(root), LIMITS)
    (run.folders.inputs / "probe").write_text("here")
    end, said = trial(manner, run)
    if end.code == 0 and (run.folders.outputs / "probe").is_file():
        return ""
    return said.strip() or end.message or f"exit code {end.code}"


def _folders(root: Path) -> Folders:
    names: Iterator[str] = (field.name for field in fields(Folders) if field.name != "root")
    folders = Folders(root, **{name: root / name for name in names})
    root.mkdir(mode=0o711)
    for name in ("inputs", "ddos", "transformations", "outputs", "logs", "control"):
        (root / name).mkdir(mode=0o700)
    return folders
