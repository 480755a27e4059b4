"""The reference server in this process, with a dataset and an algorithm in every role."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from compute_conformance.assets import assets
from compute_conformance.profile import Profile, from_document
from compute_ref.app import ComputeRef, create_app
from compute_ref.clock import Clock
from compute_ref.jobs.store import Store
from compute_ref.settings import Catalogue, Environment, Server, Settings
from compute_ref.testing.instant import InstantBackend

CONTAINER: Final = {"entrypoint": "sh $ALGO", "image": "none", "tag": "1", "checksum": ""}
MEMORY: Final = Path("/dev/shm")
PUBLISHED: Final = "instant: write a.txt 42\n"
FILES, ROLES = assets(PUBLISHED, CONTAINER)
META: Final = {"language": "sh", "format": "text", "version": "1", "container": CONTAINER}
CODE: Final = {
    "say": "instant: log {token}",
    "complain": "instant: log stderr: {token}",
    "stay": "instant: stay",
    "fail": "instant: exit {code}",
    "write": "instant: write {name} {text}",
}
Change = Callable[[Settings], Settings]


def profile(**changes: Any) -> Profile:
    """Everything granted; its jobs are instant."""
    raw = {"meta": META}
    plain = {"meta": {**META, "rawcode": "instant: write a.txt 42\ninstant: log hello"}}
    return from_document(
        {
            "access": 3,
            "environment": "instant",
            "datasets": ROLES["datasets"],
            "algorithms": {"plain": plain, "raw": raw, **ROLES["algorithms"]},
            "code": CODE,
            "limits": {"start": 10, "finish": 10, "stop": 10},
            **changes,
        }
    )


@contextmanager
def reference(change: Change = lambda settings: settings) -> Iterator[ComputeRef]:
    """The server, its store in memory and, where there is a disk in memory, its folders too."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        folder = Path(name)
        settings = change(_settings(folder))
        clock, backends = Clock(), {"instant": InstantBackend()}
        store = Store.in_memory(clock)
        with create_app(settings, clock=clock, store=store, backends=backends) as app:
            yield app


def _settings(folder: Path) -> Settings:
    catalogue = folder / "assets"
    catalogue.mkdir()
    for name, content in FILES.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (catalogue / name).parent.mkdir(exist_ok=True)
        (catalogue / name).write_text(text, encoding="utf-8")
    environment = Environment("instant", "instant", maxJobs=4)
    server = Server(data_dir=folder / "data", port=0, sync=False)
    return Settings((environment,), server=server, catalogue=Catalogue(catalogue))
