"""Every question the server puts to plug-ins.

A plug-in implements any of them::

    from compute_ref.plugins import hookimpl

    @hookimpl
    def resolve_did(did): ...

and is found by an entry point in the group ``compute_ref``. Hooks are called from several
threads; one that hangs or raises costs the job or the request it was asked for, and requests wait
for resolve_did, open_file and verify_order as long as ``deadlines.plugin_call`` says.
``docs/plugins.md`` has the rest: threads, deadlines, examples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pluggy

from compute_ref.jobs.model import Job
from compute_ref.plugins.backend import Backend, Site
from compute_ref.plugins.files import FileObject, OpenFile, WebClient

hookspec = pluggy.HookspecMarker("compute_ref")
hookimpl = pluggy.HookimplMarker("compute_ref")

BackendFactory = Callable[[Site], Backend]


@hookspec
def configure(options: Mapping[str, Mapping[str, Any]]) -> None:
    """Once, before any other hook: the configuration's ``[plugins.NAME]`` tables by NAME.

    Raise ValueError("key: what is wrong and the mend") to stop the start.
    """


@hookspec
def backends() -> Mapping[str, BackendFactory]:  # type: ignore[empty-body]
    """Backends offered, by the name that ``[[environments]] backend`` uses."""


@hookspec(firstresult=True)
def resolve_did(did: str) -> Mapping[str, Any] | None:
    """The DDO v4 document of `did`, or None to let the next plug-in answer."""


@hookspec(firstresult=True)
def open_file(file: FileObject, web: WebClient, userdata: Any) -> OpenFile | None:
    """Open one file object of a dataset or algorithm, or None where its ``type`` is not yours.

    Raise FileUnavailable with a sentence for the consumer. `userdata` is what the consumer sent
    along with this dataset.
    """


@hookspec(firstresult=True)
def verify_order(transaction: str, document_id: str, service_id: str, consumer: str) -> bool | None:
    """Whether `transaction` is a genuine order of this service by `consumer`; None: not mine.

    Asked at each start, before the order is bound. Where no plug-in answers, any is genuine.
    """


@hookspec
def filter_results(job: Job, folder: Path) -> None:
    """Look at, change or remove the files in `folder` before any becomes a result (status 50).

    Raising, or not returning before the deadline, means that only logs are published. May be
    repeated after a crash, each time on a fresh copy.
    """


@hookspec(firstresult=True)
def publish_results(job: Job, folder: Path, output: Mapping[str, Any] | None) -> str | None:
    """Bring the results in `folder` elsewhere (status 60) and return their DID, or None.

    `output` is what the consumer sent under that name. May be repeated after a crash.
    """


@hookspec
def job_changed(job: Job) -> None:
    """After each change of a job's status. Must return fast; what it raises is only logged.

    Each plug-in is told on its own, so there is nothing for a hook wrapper to wrap.
    """
