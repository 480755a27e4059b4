"""Runs algorithms as processes of this machine, sandboxed where bubblewrap works."""

from collections.abc import Mapping

from compute_ref.plugins import BackendFactory, hookimpl
from compute_ref_local.backend import LocalBackend

__all__ = ["LocalBackend", "backends"]


@hookimpl
def backends() -> Mapping[str, BackendFactory]:
    """The backend ``local``."""
    return {"local": LocalBackend}
