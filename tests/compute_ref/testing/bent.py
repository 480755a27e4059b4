"""Local backends that bend what they are told: limits, folders, variables, texts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from compute_ref.plugins import Exit, Folders, Handle, Limits, Run
from compute_ref_local import LocalBackend, backend, sandbox
from compute_ref_local.pidfds import Supervisor


class Altered(LocalBackend):
    """Launches another run than it was told to."""

    def launch(self, run: Run) -> Handle:
        return super().launch(self.altered(run))

    def altered(self, run: Run) -> Run:
        raise NotImplementedError


class HoldsNoLimit(Altered):
    def altered(self, run: Run) -> Run:
        return replace(run, limits=Limits())


class StartsAnyNumber(Altered):
    """Counts no processes."""

    def altered(self, run: Run) -> Run:
        return replace(run, limits=replace(run.limits, processes=0))


class HoldsTooMuch(Altered):
    """Ends what is within its limits."""

    def altered(self, run: Run) -> Run:
        return replace(run, limits=replace(run.limits, disk=run.limits.disk // 100))


class GivesNetwork(Altered):
    def altered(self, run: Run) -> Run:
        return replace(run, network=True)


class GivesNoNetwork(Altered):
    def altered(self, run: Run) -> Run:
        return replace(run, network=False)


class ExpandsVariables(Altered):
    """As a template would."""

    def altered(self, run: Run) -> Run:
        told = {name: text.replace("$(INPUTS)", "/data") for name, text in run.variables.items()}
        return replace(run, variables=told)


class SharesVariables(Altered):
    """The first run's variables are everybody's."""

    first: Mapping[str, str] | None = None

    def altered(self, run: Run) -> Run:
        self.first = self.first or run.variables
        return replace(run, variables=self.first)


class SplitsPaths(Altered):
    """Quotes nothing."""

    def altered(self, run: Run) -> Run:
        return replace(run, entrypoint=run.entrypoint.replace("'", ""))


class ShowsItsOwnVariables(Altered):
    """The server's variables are the algorithm's."""

    def altered(self, run: Run) -> Run:
        return replace(run, variables={**os.environ, **run.variables})


class NeedsAnInterpreter(Altered):
    """The algorithm is not a program."""

    def altered(self, run: Run) -> Run:
        (run.folders.transformations / "algorithm").chmod(0o644)
        return run


class RunsAnyImage(LocalBackend):
    """Takes whatever is there instead of an image that is not."""

    runs_images = True


class ShowsAllWritable(LocalBackend):
    """What is given to the algorithm is its own."""

    def _start(self, run: Run, *others: Any) -> Supervisor:
        with (
            mock.patch.object(backend, "give", _give_all),
            mock.patch.object(sandbox, "_data", _bind_all),
        ):
            return super()._start(run, *others)


class FollowsLinks(LocalBackend):
    """Makes all outputs readable, and what they lead to."""

    def wait(self, handle: Handle, timeout: float | None) -> Exit | None:
        end = super().wait(handle, timeout)
        for path in _outputs(self, handle).rglob("*"):
            with suppress(OSError):
                path.chmod(0o755)
        return end


class CopiesLinks(LocalBackend):
    """Puts what a link leads to in its place."""

    def wait(self, handle: Handle, timeout: float | None) -> Exit | None:
        end = super().wait(handle, timeout)
        for path in list(_outputs(self, handle).rglob("*")):
            if path.is_symlink() and path.is_file():
                content = path.read_bytes()
                path.unlink()
                path.write_bytes(content)
        return end


class CutsOutputs(LocalBackend):
    """The last byte is lost."""

    def wait(self, handle: Handle, timeout: float | None) -> Exit | None:
        end = super().wait(handle, timeout)
        big = _outputs(self, handle) / "big"
        os.truncate(big, big.stat().st_size - 1)
        return end


class SaysNothing(LocalBackend):
    def check(self) -> str:
        super().check()
        return ""


class Boasts(LocalBackend):
    """Says that it holds what is not set."""

    def enforced(self, limits: Limits) -> Mapping[str, str]:
        return dict.fromkeys(super().enforced(limits), "of course")


class Modest(LocalBackend):
    """Says that it does not hold the memory."""

    def enforced(self, limits: Limits) -> Mapping[str, str]:
        return {**super().enforced(limits), "memory": "no"}


def _outputs(liar: LocalBackend, handle: Handle) -> Path:
    return liar._control(handle.name).folder.parent / "outputs"


def _give_all(folders: Folders, uid: int) -> None:
    for name in ("inputs", "ddos", "transformations", "logs", "outputs"):
        folder: Path = getattr(folders, name)
        for path in (folder, *folder.iterdir()):
            path.chmod(0o777)


def _bind_all(run: Run, sources: sandbox.Sources) -> list[str]:
    arguments = []
    for name in Folders.__slots__[1:-1]:
        arguments += ["--bind", sources.at(getattr(run.folders, name)), f"/data/{name}"]
    return arguments
