"""The server's settings as frozen values; ``compute_ref/configuration.py`` reads and checks them.

Field names are the keys of the TOML file, ``server.port`` there is ``settings.server.port`` here
and ``COMPUTE_REF_SERVER_PORT`` in the environment. Keys of environments keep the spelling of the
page (``maxJobs``), because clients see them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MIB = 2**20
GIB = 2**30
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Server:
    """How the server listens and where it keeps what it must not lose."""

    host: str = "127.0.0.1"
    port: int = 8030  #: 0 picks a free port
    threads: int = 8
    connection_limit: int = 1_000
    data_dir: Path = Path("compute-ref-data")
    host_data_dir: Path | None = None  #: data_dir as the container host sees it
    public_url: str = ""  #: how clients reach the server; "" is: as the request came
    max_body: int = 2 * MIB  #: bytes of a request's body
    cors_origins: tuple[str, ...] = ("*",)
    trusted_proxies: tuple[str, ...] = ()  #: addresses whose X-Forwarded-* headers count
    sync: bool = True  #: false: do not wait for the disk (tests and benchmarks only)


@dataclass(frozen=True, slots=True)
class Chains:
    """The chain ids that this server says it serves."""

    ids: tuple[int, ...] = (8996,)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The folder of DDO v4 documents (``*.json``) and of the files they name."""

    path: Path = Path("assets")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who may sign how, and how long a token lives (seconds)."""

    legacy_signatures: bool = True  #: accept what ocean.js 3.x signs for stop and delete
    max_token_lifetime: int = 30 * DAY


@dataclass(frozen=True, slots=True)
class Trust:
    """Which algorithm may meet which data, where the DDOs leave it open."""

    empty_allows_all: bool = False  #: an empty trust list allows every published algorithm
    unpinned_images: bool = False  #: run image:tag where an algorithm has no checksum


@dataclass(frozen=True, slots=True)
class Fetching:
    """Limits on files that are fetched: bytes of one file, seconds of one fetch."""

    allow_private_urls: bool = False
    fileinfo_urls: bool = False  #: let fileinfo look at a URL that a caller names
    max_bytes: int = 10 * GIB
    timeout: float = 600


@dataclass(frozen=True, slots=True)
class Queue:
    """How much may wait; `min_free_disk` is in bytes, on the disk of data_dir."""

    max_queued: int = 1_000
    max_queued_per_owner: int = 50
    min_free_disk: int = 256 * MIB


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds that each step of a run may take before it ends the run (or is forced)."""

    provisioning: float = 1_800
    launch: float = 300
    backend_call: float = 60  #: find, remove, and what stop takes beyond its grace
    plugin_call: float = 60  #: a hook that a request waits for
    stop_grace: float = 5  #: between TERM and KILL, at most 20
    run_grace: float = 30  #: after maxJobDuration, for a backend that should have ended the run
    collecting: float = 600
    filtering: float = 600
    publishing: float = 600
    watchdog: float = 60  #: between two looks of the watchdog


@dataclass(frozen=True, slots=True)
class Retention:
    """How long records of jobs stay after dateFinished, in seconds; 0 is for ever."""

    record_expiry: float = 0


@dataclass(frozen=True, slots=True)
class Environment:
    """One compute environment as configured and, for the most part, as shown to consumers."""

    id: str
    backend: str
    chains: tuple[int, ...] = ()  #: chain ids that show and use it; () is all of them
    desc: str = ""
    cpuNumber: float = 1
    cpuType: str = ""
    gpuNumber: int = 0
    gpuType: str = ""
    ramGB: float = 1
    diskGB: float = 1
    processes: int = 256
    logMB: float = 16  #: of one algorithm.log; what exceeds it is cut off
    maxOutputFiles: int = 10_000
    priceMin: float = 0
    maxJobs: int = 1
    maxJobDuration: float = 3_600
    storageExpiry: float = 0  #: seconds after dateFinished, 0 is never
    consumerAddress: str = ""  #: "" is the provider's own address
    feeToken: str = "0x0000000000000000000000000000000000000000"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the server is told, checked."""

    environments: tuple[Environment, ...]
    server: Server = field(default_factory=Server)
    chains: Chains = field(default_factory=Chains)
    catalogue: Catalogue = field(default_factory=Catalogue)
    identity: Identity = field(default_factory=Identity)
    trust: Trust = field(default_factory=Trust)
    fetching: Fetching = field(default_factory=Fetching)
    queue: Queue = field(default_factory=Queue)
    deadlines: Deadlines = field(default_factory=Deadlines)
    retention: Retention = field(default_factory=Retention)
    backends: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    plugins: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
