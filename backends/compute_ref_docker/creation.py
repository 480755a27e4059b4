"""What the daemon is told when it makes the container of a run."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from docker.types import LogConfig, Mount, Ulimit

from compute_ref.plugins import (
    AlgorithmUnavailable,
    Limits,
    Run,
    environment_variables,
    shell_command,
)
from compute_ref_docker.containers import LIMITS
from compute_ref_docker.daemon import Daemon
from compute_ref_docker.images import LocalImage
from compute_ref_docker.manner import Manner
from compute_ref_docker.options import Options
from compute_ref_docker.places import SHOWN, Places

SHELL: Final = ["sh", "-c"]
#: the shell outlives a TERM that its programs heed and goes on as it would have; what is said on
#: both streams stays in order, for which the daemon takes no care
BEFORE: Final = "trap : TERM; exec 2>&1\n"
VARIABLES: Final = {
    "HOME": "/tmp",  # noqa: S108 - the container's own
    "TINI_KILL_PROCESS_GROUP": "1",  # a daemon that shuts down reaches the algorithm, not only sh
}
SCRATCH: Final = ("/tmp",)  # noqa: S108
PODMAN_SCRATCH: Final = ("/run", "/var/tmp")  # noqa: S108 - it adds them, unbounded
AROUND: Final = 2  # processes: the init process, and the one that asks the others to end
OPEN_FILES: Final = 1024
USERS_PROCESSES: Final = 2**14  # of the user, in all its containers
SPARE_BYTES: Final = 2**20  # so that a file that is cut off is seen to be more than is allowed
LEAST_LOG: Final = 2**20
LEAST_CPU: Final = 10**7  # billionths of a processor


@dataclass(frozen=True, slots=True)
class Recipe:
    """How this server makes containers: for every run the same."""

    daemon: Daemon
    options: Options
    manner: Manner
    places: Places
    uid: int
    gid: int

    def labels(self, run: Run) -> dict[str, str]:
        """What a server that finds the container again has to know of the run."""
        limits = run.limits
        kept = {"seconds": limits.seconds, "disk": limits.disk, "log": limits.log}
        return {LIMITS: json.dumps(kept)}

    def told(self, run: Run, image: LocalImage) -> dict[str, Any]:
        """Arguments of ``create_container``; AlgorithmUnavailable where the image does not fit."""
        command = shell_command(run.entrypoint, "/data/transformations/algorithm")
        return {
            "image": image.id,
            "entrypoint": [*SHELL, BEFORE + command],
            "command": [],
            "environment": {**VARIABLES, **environment_variables(run)},
            "user": f"{self.uid}:{self.gid}",
            "working_dir": "/data",
            "hostname": "compute",
            "healthcheck": {"test": ["NONE"]},
            "stop_signal": "SIGTERM",
            "use_config_proxy": False,
            "host_config": self._host_config(run, image),
        }

    def _host_config(self, run: Run, image: LocalImage) -> Any:
        scratch = _scratch(image, self.manner.podman)
        size = f"rw,exec,nosuid,nodev,mode=1777,size={self.options.tmp_size}"
        with self.daemon.asked() as api:
            return api.create_host_config(
                init=self.manner.init,
                runtime=self.options.runtime or None,
                network_mode=self.options.network if run.network else "none",
                ipc_mode="private",
                read_only=True,
                cap_drop=["ALL"],
                security_opt=["no-new-privileges:true"],
                mounts=list(self._mounts(run)),
                tmpfs=dict.fromkeys(scratch, size),
                shm_size=self.options.tmp_size,
                log_config=_log_config(self.manner.log_driver, run.limits.log),
                ulimits=list(_ulimits(run.limits, self.manner.podman)),
                **_controls(run.limits, self.manner),
            )

    def _mounts(self, run: Run) -> Iterator[Mount]:
        yield _mount(self.places.on_host(self.places.frame), "/data", read_only=True)
        for name in SHOWN:
            source = self.places.on_host(getattr(run.folders, name))
            yield _mount(source, f"/data/{name}", read_only=name != "outputs")


def without_shell(said: str) -> bool:
    """Whether a daemon that could not start a container says that there is no ``sh`` in it."""
    return "executable file" in said or "exec format error" in said


def _mount(source: str, target: str, *, read_only: bool) -> Mount:
    return Mount(target, source, type="bind", read_only=read_only, propagation="rprivate")


def _scratch(image: LocalImage, podman: bool) -> Iterator[str]:
    """Places for temporary files; what an image declares as a volume is one, and no more."""
    yield from SCRATCH
    yield from PODMAN_SCRATCH if podman else ()
    for volume in image.volumes:
        place = posixpath.normpath(volume)
        if place.startswith("/data/"):
            raise AlgorithmUnavailable(f"The image declares a volume below /data: {place}")
        if place != "/data":
            yield place


def _controls(limits: Limits, manner: Manner) -> dict[str, int]:
    found: dict[str, int] = {}
    if limits.memory:
        found |= {"mem_limit": limits.memory, "memswap_limit": limits.memory}
    if limits.cpus:
        found["nano_cpus"] = max(LEAST_CPU, int(min(limits.cpus, manner.cpus) * 10**9))
    if limits.processes:
        found["pids_limit"] = limits.processes + AROUND
    return found


def _ulimits(limits: Limits, podman: bool) -> Iterator[Ulimit]:
    yield _ulimit("core", 0)
    yield _ulimit("nofile", OPEN_FILES)
    if podman:  # its own default is more than some machines let it set
        yield _ulimit("nproc", USERS_PROCESSES)
    if limits.disk:
        yield _ulimit("fsize", limits.disk + SPARE_BYTES)


def _ulimit(name: str, limit: int) -> Ulimit:
    return Ulimit(name=name, soft=limit, hard=limit)


def _log_config(driver: str, limit: int) -> LogConfig:
    """Bound the daemon's copy of the log, with room for what stands around each line."""
    if not limit:
        return LogConfig(type=driver, config={})
    if driver == "k8s-file":  # it keeps one file, which starts anew
        return LogConfig(type=driver, config={"max-size": str(max(LEAST_LOG, 8 * limit))})
    most = str(max(LEAST_LOG, 4 * limit))
    return LogConfig(type=driver, config={"max-size": most, "max-file": "2"})
