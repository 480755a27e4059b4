"""What a gibibyte costs: out as a result; in from a file and from HTTP."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, in_turn, ratio, seconds
from benchmarks.live import EMPTY, THREADS, Asker, Server, configured, running
from benchmarks.load import get
from benchmarks.machine import grown
from compute_ref.testing.kit import sample_ddo

GIB = 2**30
IN_MIB = 1024
MOST_GROWN = 16 * 2**20  # bytes of memory
SELDOM = 0.05  # seconds between two looks: they share the processors with the transfer
ROUNDS = 3
LOCAL = """
[fetching]
allow_private_urls = true
[[environments]]
id = "local"
backend = "local"
diskGB = 4
"""
FILL = {"rawcode": "#", "container": {"entrypoint": f"head -c {GIB} /dev/zero > outputs/big.bin"}}


def figures(work: Path) -> Iterator[Figure]:
    """All of them."""
    big = work / "big.bin"
    with big.open("wb") as file:
        subprocess.run(["head", "-c", str(GIB), "/dev/urandom"], stdout=file, check=True)
    with running("benchmarks.floor_server", [str(THREADS), "--file", str(big)], work) as bare:
        yield result(work / "out", bare)
        yield provisioning(work / "file", big, None)
        yield provisioning(work / "http", big, f"http://{bare.netloc}/")


def result(folder: Path, bare: Server) -> Figure:
    """A download of a result, beside a bare app's through waitress's file wrapper."""
    with computing(folder) as server:
        asker = Asker(server.netloc)
        job_id = asker.start(FILL)
        asker.await_end(job_id)

        def ours() -> float:
            return IN_MIB / seconds(lambda: download(server.netloc, asker.result(job_id, 0)))

        def floor() -> float:
            return IN_MIB / seconds(lambda: download(bare.netloc, "/"))

        rates = in_turn(ours, floor, ROUNDS)
        more = grown(server.pid, lambda: download(server.netloc, asker.result(job_id, 0)))
    beside = "a bare WSGI app's download by waitress's file wrapper"
    found = ratio("result of 1 GiB", "MiB/s", beside, *rates, 0.9, memory_grown=more)
    goal = f"{found.goal}, memory grows < 16 MiB"
    return replace(found, goal=goal, met=found.met and more < MOST_GROWN)


def provisioning(folder: Path, big: Path, url: str | None) -> Figure:
    """The time between 20 and 30 of a job over a gibibyte, beside cp or curl."""
    copy = folder.parent / "copy"
    command = (
        ["curl", "--silent", "--output", str(copy), url] if url else ["cp", str(big), str(copy)]
    )
    file = {"type": "url", "url": url, "method": "GET"} if url else {"type": "file", "path": "big"}
    with computing(folder, file, None if url else big) as server:
        asker = Asker(server.netloc)

        def ours() -> float:
            settle(folder.parent)
            job = asker.await_end(asker.start(EMPTY), SELDOM)
            asker.delete(job["jobId"])
            return IN_MIB / provisioned(job)

        def floor() -> float:
            copy.unlink(missing_ok=True)
            settle(folder.parent)
            return IN_MIB / seconds(lambda: subprocess.run(command, check=True))

        rates = in_turn(ours, floor)
    name = f"1 GiB of input by {'HTTP' if url else 'file'}"
    return ratio(name, "MiB/s", f"`{command[0]}`", *rates, 0.8)


def settle(folder: Path) -> None:
    """Let the disk come to an end, and have a gibibyte of memory ready for what is written next.

    A virtual machine may give memory that it does not use back to its host. To get it again
    takes several times as long as the copy.
    """
    os.sync()
    spare = folder / "spare"
    with spare.open("wb") as file:
        subprocess.run(["head", "-c", str(GIB), "/dev/zero"], stdout=file, check=True)
    spare.unlink()


def provisioned(job: dict[str, Any]) -> float:
    """Seconds that a job took to have its inputs."""
    at = {entry["status"]: float(entry["at"]) for entry in job["statusHistory"]}
    return max(at[30] - at[20], 1e-3)


def computing(folder: Path, file: dict[str, Any] | None = None, linked: Path | None = None) -> Any:
    """A server with the local backend, its one dataset of the file given."""
    path = configured(folder, LOCAL)
    if linked:
        linked.rename(folder / "assets" / "big")
        linked.symlink_to(folder / "assets" / "big")
    if file:
        ddo = sample_ddo()
        ddo["services"][0]["files"] = [file]
        (folder / "assets" / "sample.json").write_text(json.dumps(ddo))
    return running("benchmarks.server", [str(path)], folder)


def download(netloc: str, target: str) -> None:
    """Read an answer to its end, and keep none of it."""
    host, port = netloc.rsplit(":", 1)
    buffer = bytearray(2**18)
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            get(netloc, target).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        )
        read = 0
        while more := connection.recv_into(buffer):
            read += more
    assert read > GIB, read
