"""Where a pod finds the server's data folder, and a run's folders in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from compute_ref.plugins import Folders, Site
from compute_ref_kubernetes.options import Options

NAME: Final = "data"
READ_ONLY: Final = ("inputs", "ddos", "transformations", "logs")


@dataclass(frozen=True, slots=True)
class Volume:
    """The volume that has the data folder, which is `data_dir` here and `path` in the volume."""

    source: dict[str, Any]
    path: PurePosixPath
    data_dir: Path

    @classmethod
    def of(cls, options: Options, site: Site) -> Volume:
        """The claim of the configuration, or else a folder of the node's."""
        if options.claim:
            source = {"persistentVolumeClaim": {"claimName": options.claim}}
            return cls(source, PurePosixPath(options.claim_path), site.data_dir)
        folder = {"path": str(site.host_data_dir), "type": "Directory"}
        return cls({"hostPath": folder}, PurePosixPath(), site.data_dir)

    def described(self) -> str:
        """One phrase for the operator."""
        claim = self.source.get("persistentVolumeClaim")
        return f"claim {claim['claimName']}" if claim else f"node folder {self._host_path()}"

    def manifest(self) -> dict[str, Any]:
        """The volume as part of a pod."""
        return {"name": NAME, **self.source}

    def mounts(self, folders: Folders) -> list[dict[str, Any]]:
        """What an algorithm sees of its run below ``/data``: all but outputs read-only."""
        seen = [self.mount(getattr(folders, name), f"/data/{name}", True) for name in READ_ONLY]
        return [*seen, self.mount(folders.outputs, "/data/outputs", False)]

    def mount(self, folder: Path, at: str, read_only: bool) -> dict[str, Any]:
        """One folder below the data folder, shown at a path of the container's."""
        within = self.path / folder.relative_to(self.data_dir)
        return {"name": NAME, "subPath": str(within), "mountPath": at, "readOnly": read_only}

    def _host_path(self) -> str:
        return str(self.source["hostPath"]["path"])
