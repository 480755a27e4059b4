"""Runs algorithms as containers of a Docker Engine, or of Podman by its compatible socket."""

from collections.abc import Mapping

from compute_ref.plugins import Backend, BackendFactory, BackendUnavailable, Site, hookimpl

__all__ = ["backends"]


@hookimpl
def backends() -> Mapping[str, BackendFactory]:
    """The backend ``docker``; the Docker SDK is imported only where it is used."""
    return {"docker": _docker}


def _docker(site: Site) -> Backend:
    try:
        from compute_ref_docker.backend import DockerBackend
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.split(".")[0] != "docker":
            raise
        raise BackendUnavailable(
            'the Docker SDK is not installed: pip install "compute-ref[docker]"'
        ) from missing
    return DockerBackend(site)
