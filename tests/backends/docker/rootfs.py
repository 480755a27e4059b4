"""Images of the tests: a static busybox, and what stands around it."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

BUSYBOX = Path("/bin/busybox")
SETUID = Path("/usr/bin/docker-init")  # any program that keeps what the bit gives it
BASE = "base:1"
#: everything that an image may say about how it is to be run
LOUD = """
FROM base:1
ENTRYPOINT ["/bin/false"]
CMD ["never"]
USER 0
HEALTHCHECK --interval=1s CMD touch /data/outputs/health
STOPSIGNAL SIGUSR1
WORKDIR /etc
VOLUME /scratch /data /tmp
ENV FROM_IMAGE=yes VOLUME=/elsewhere
"""


def base(tmp: int = 0o1777) -> bytes:
    """A tar of a root file system: /bin with all that busybox can be, /bin/suid, /tmp of a mode."""
    packed = io.BytesIO()
    applets = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True)
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, mode in (("bin", 0o755), ("etc", 0o755), ("tmp", tmp), ("open", 0o777)):
            _folder(tar, name, mode)
        _file(tar, "bin/busybox", BUSYBOX.read_bytes(), 0o755)
        _file(tar, "bin/suid", SETUID.read_bytes(), 0o4755)
        for applet in applets.stdout.split():
            if applet != "busybox":
                _link(tar, f"bin/{applet}", "busybox")
    return packed.getvalue()


def tar_of(**files: bytes) -> bytes:
    """A tar of plain files at its root."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            _file(tar, name, content, 0o644)
    return packed.getvalue()


def load(api: Any, tar: bytes, name: str, tag: str = "1") -> str:
    """Make an image of a tar; returns its id."""
    said = api.import_image_from_data(tar)
    made = str(json.loads(said.splitlines()[-1])["status"])
    api.tag(made, name, tag)
    return made


def build(api: Any, text: str, tag: str) -> str:
    """Make an image of a Dockerfile; returns its id."""
    lines = list(api.build(fileobj=io.BytesIO(text.encode()), tag=tag, rm=True, decode=True))
    assert not any("error" in line for line in lines), lines
    return str(api.inspect_image(tag)["Id"])


def _folder(tar: tarfile.TarFile, name: str, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    tar.addfile(entry)


def _file(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _link(tar: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    tar.addfile(entry)
