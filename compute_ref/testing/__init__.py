"""The whole server inside another project's tests.

    from compute_ref.testing import compute_app

    with compute_app() as server:
        consumer = server.consumer()
        (job,) = consumer.start("instant: write answer.txt 42").json
        server.finished(job["jobId"])
        assert consumer.result(job["jobId"]).text.strip() == "42"

The same server is the pytest fixture ``compute_app``; ``compute_server`` is the URL of a live one.
Nothing is imported before it is asked for, so that the plug-in costs other test runs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from compute_ref.testing.clock import MovedClock
    from compute_ref.testing.consumers import Consumer
    from compute_ref.testing.instant import InstantBackend
    from compute_ref.testing.kit import ComputeApp, compute_app, compute_server

__all__ = [
    "ComputeApp",
    "Consumer",
    "InstantBackend",
    "MovedClock",
    "compute_app",
    "compute_server",
]

HOMES: Final = {
    "ComputeApp": "kit",
    "Consumer": "consumers",
    "InstantBackend": "instant",
    "MovedClock": "clock",
    "compute_app": "kit",
    "compute_server": "kit",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
