"""Calls of the kernel that Python has no name for."""

import ctypes
import os
import struct
import time

PDEATHSIG, NO_NEW_PRIVS, CHILD_SUBREAPER = 1, 38, 36
SECCOMP, BY_PROGRAM = 22, 2
NEW_MOUNTS = 0x20000
BIND, RECURSIVE, PRIVATE = 0x1000, 0x4000, 0x40000
TMPFS, HUGETLBFS = 0x0102_1994, 0x9584_58F6  # kinds of file systems

libc = ctypes.CDLL(None, use_errno=True)


def ticks() -> float:
    """Seconds of the boot clock, which never jumps and counts suspends."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def prctl(option: int, value: int) -> None:
    """Set an option of this process; OSError where the kernel refuses."""
    _checked(libc.prctl(option, value, 0, 0, 0), "prctl")


def refuse_calls(program: bytes) -> None:
    """Let a seccomp filter decide over each call of this process and of what it becomes."""
    steps = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HP", len(program) // 8, ctypes.addressof(steps))
    _checked(libc.prctl(SECCOMP, BY_PROGRAM, described, 0, 0), "seccomp")


def own_mounts() -> None:
    """Give this process a mount namespace whose changes nobody else sees."""
    _checked(libc.unshare(NEW_MOUNTS), "unshare")
    _checked(libc.mount(b"none", b"/", None, RECURSIVE | PRIVATE, None), "private mounts")


def mount_memory(target: str) -> None:
    """Mount an empty file system in memory."""
    _checked(libc.mount(b"stage", target.encode(), b"tmpfs", 0, b"mode=755"), "tmpfs")


def bind(source: str, target: str) -> None:
    """Show `source` and what is mounted below it at `target`."""
    flags = BIND | RECURSIVE
    _checked(libc.mount(os.fsencode(source), os.fsencode(target), None, flags, None), "bind")


def in_memory(path: str) -> bool:
    """Whether a file is of a file system that keeps its files in memory only."""
    about = ctypes.create_string_buffer(256)
    _checked(libc.statfs(os.fsencode(path), about), "statfs")
    kind: int = ctypes.c_uint.from_buffer(about).value
    return kind in {TMPFS, HUGETLBFS}


def _checked(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
