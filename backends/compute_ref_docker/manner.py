"""How this daemon runs algorithms: what it has, what it lacks, what therefore holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from compute_ref.plugins import BackendUnavailable, Limits

NO: Final = "no"
LOG_DRIVERS: Final = ("local", "json-file", "k8s-file")  # that can be read back; best first
CONTROLS: Final = {
    "MemoryLimit": "memory",
    "SwapLimit": "swap",
    "CpuCfsQuota": "processors",
    "PidsLimit": "processes",
}


@dataclass(frozen=True, slots=True)
class Manner:
    """What a daemon said of itself, and what a trial showed.

    `lacks` names controls that its kernel does not have (see CONTROLS); `init` is whether it
    can put an init process into containers; `cpus` are the machine's processors;
    `no_network` is the network that runs are to join and that is not there ("": it is).
    """

    engine: str
    version: str
    podman: bool
    cpus: int
    log_driver: str
    live_restore: bool
    seccomp: bool
    lacks: frozenset[str]
    no_network: str = ""
    init: bool = True

    @classmethod
    def of(cls, info: Mapping[str, Any], version: Mapping[str, Any]) -> Manner:
        """Read the daemon's answers; BackendUnavailable where it cannot serve at all."""
        security = " ".join(info.get("SecurityOptions") or ())
        if "name=rootless" in security or "name=userns" in security:
            raise BackendUnavailable(
                "the Docker daemon maps users of containers to others, to whom the server cannot"
                " give a run's folders: use one without rootless mode and userns-remap"
            )
        podman = is_podman(version)
        return cls(
            engine="Podman" if podman else "Docker Engine",
            version=version["Version"],
            podman=podman,
            cpus=info["NCPU"],
            log_driver=_log_driver(info["Plugins"]["Log"]),
            live_restore=bool(info.get("LiveRestoreEnabled")),
            seccomp="seccomp" in security and "profile=unconfined" not in security,
            lacks=frozenset(name for key, name in CONTROLS.items() if not info.get(key)),
        )

    def described(self) -> str:
        """One line for the operator: the daemon, then whatever should be mended."""
        return "; ".join((f"{self.engine} {self.version}", *self.findings()))

    def findings(self) -> Iterator[str]:
        """What is missing, and what to do about it."""
        if not self.init:
            program = "catatonit" if self.podman else "docker-init (tini)"
            yield f"no init process in containers, so ended processes pile up: install {program}"
        if not self.seccomp:
            yield "system calls are not filtered: enable the daemon's seccomp profile"
        if not (self.live_restore or self.podman):
            yield 'restarting the daemon ends algorithms: set "live-restore" in its daemon.json'
        if self.no_network:
            yield (
                f"there is no network {self.no_network} for runs that may use one: create it, or"
                " set backends.docker.network"
            )
        for name in sorted(self.lacks):
            yield f"the kernel does not limit {name}: enable that control group"

    def enforced(self, limits: Limits, uid: int) -> Mapping[str, str]:
        """How each limit and isolation holds; "no" where it does not."""
        memory = f"by the kernel, swap {'not ' if 'swap' in self.lacks else ''}included"
        memory += "; Podman may tell it as a failure" if self.podman else ""
        return {
            "time": _held(limits.seconds, "by the server, counting its absence, from the start"),
            "cpu": self._by_kernel("processors", limits.cpus, "by the kernel"),
            "memory": self._by_kernel("memory", limits.memory, memory),
            "disk": _held(
                limits.disk,
                "outputs watched every 250 ms while the server is there, as much for each file;"
                " files removed while open are not seen",
            ),
            "processes": self._by_kernel("processes", limits.processes, "by the kernel"),
            "filesystem": "image and inputs read-only; only outputs and a bounded /tmp writable",
            "network": "none, unless the datasets allow it",
            "user": f"user {uid}, without capabilities or a way to new privileges",
        }

    def _by_kernel(self, control: str, limit: float, how: str) -> str:
        return _held(limit and control not in self.lacks, how)


def is_podman(version: Mapping[str, Any]) -> bool:
    """Whether the daemon is Podman's service, by what it answered about its version."""
    return any("Podman" in part["Name"] for part in version.get("Components") or ())


def _held(limit: float | bool, how: str) -> str:
    return how if limit else NO


def _log_driver(offered: list[str]) -> str:
    for driver in LOG_DRIVERS:
        if driver in offered:
            return driver
    raise BackendUnavailable(
        f"the Docker daemon has no log driver that can be read back ({', '.join(LOG_DRIVERS)})"
    )
