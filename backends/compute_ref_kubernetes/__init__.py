"""Runs algorithms as Jobs of a Kubernetes cluster."""

from collections.abc import Mapping

from compute_ref.plugins import Backend, BackendFactory, BackendUnavailable, Site, hookimpl

__all__ = ["backends"]


@hookimpl
def backends() -> Mapping[str, BackendFactory]:
    """The backend ``kubernetes``."""
    return {"kubernetes": _make}


def _make(site: Site) -> Backend:
    """The backend; the official client is imported only now."""
    try:
        from compute_ref_kubernetes.backend import KubernetesBackend
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] != "kubernetes":
            raise
        raise BackendUnavailable(
            "the backend kubernetes needs the official Kubernetes client, which is not installed:"
            ' pip install "compute-ref[kubernetes]"'
        ) from missing
    return KubernetesBackend(site)
