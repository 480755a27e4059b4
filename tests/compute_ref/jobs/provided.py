"""A catalogue, a plug-in with streams, and a provisioner between them and a run's folders."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pluggy

from compute_ref.assets.cancellation import Cancellation
from compute_ref.assets.catalogue import Catalogue
from compute_ref.assets.fetching import Fetcher
from compute_ref.assets.plan import RAW, Algorithm, Dataset, Plan
from compute_ref.jobs.provisioning import Provisioner
from compute_ref.jobs.workspace import Workspaces
from compute_ref.plugins import FileObject, Folders, OpenFile, WebClient, hookimpl, hookspecs
from tests.compute_ref.assets.conftest import NoWeb

DATA, ALGO = "did:op:" + "a" * 64, "did:op:" + "c" * 64
HERE = "http://here"
CSV = b"1\n2\n3\n" * 1000


def file(path: str) -> dict[str, Any]:
    return {"type": "file", "path": path}


def ddo(did: str, *files: FileObject) -> dict[str, Any]:
    return {"id": did, "services": [{"id": "use", "type": "compute", "files": list(files)}]}


def dataset(*files: FileObject, userdata: Any = None) -> Dataset:
    return Dataset(DATA, "use", ddo(DATA, *files), files, userdata)


def raw(code: str = "print(1)", **changes: Any) -> Algorithm:
    return replace(Algorithm(RAW, "", None, (), code, "sh $ALGO", "", "", ""), **changes)


def published(*files: FileObject, **changes: Any) -> Algorithm:
    found = Algorithm(ALGO, "use", ddo(ALGO, *files), files, "", "sh $ALGO", "", "", "")
    return replace(found, **changes)


class Streams:
    """A plug-in for files that are no files on this disk; `act` opens one."""

    def __init__(self) -> None:
        self.userdata: list[Any] = []
        self.act: Callable[[], Any] = lambda: io.BytesIO(b"stream")

    @hookimpl
    def open_file(self, file: FileObject, web: WebClient, userdata: Any) -> OpenFile | None:
        if file["type"] != "stream":
            return None
        self.userdata.append(userdata)
        return OpenFile(self.act())


class Place:
    """A catalogue, a workspace, and a provisioner between them."""

    def __init__(self, folder: Path) -> None:
        self.catalogue = folder / "catalogue"
        self.catalogue.mkdir()
        (self.catalogue / "numbers.csv").write_bytes(CSV)
        (self.catalogue / "more.csv").write_bytes(b"4\n")
        (self.catalogue / "mean.py").write_bytes(b"print(2)\n")
        (self.catalogue / "helper.py").write_bytes(b"x = 1\n")
        plugins = pluggy.PluginManager("compute_ref")
        plugins.add_hookspecs(hookspecs)
        plugins.register(Catalogue(self.catalogue))
        self.streams = Streams()
        plugins.register(self.streams)
        self.hooks = plugins.hook
        self.workspaces = Workspaces(folder / "data", sync=False)
        self.cancel = Cancellation()
        self.lines: list[str] = []

    def provision(
        self, *datasets: Dataset, algorithm: Algorithm | None = None, most_bytes: int = 10**7
    ) -> Folders:
        plan = Plan("local", datasets, algorithm or raw(), (), False, None, {})
        folders = self.workspaces.fresh("job-a", 1)
        fetcher = Fetcher(self.hooks, NoWeb(), most_bytes)
        provisioner = Provisioner(fetcher, HERE)
        provisioner.data(plan, folders, self.cancel, self.lines.append)
        provisioner.algorithm(plan, folders, self.cancel, self.lines.append)
        return folders
