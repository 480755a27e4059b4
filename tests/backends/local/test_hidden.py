"""Memory and disk that an algorithm holds where a look at its processes would not find them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from compute_ref.plugins import Exit, ExitReason
from tests.backends.local.conftest import Place, settle

MIB = 2**20
BPF = {"x86_64": 321, "aarch64": 280}

CALLS = f"""
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
libc.vmsplice.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint]
tries = {{
    "shmget": lambda: libc.shmget(0, 4096, 0o1600),
    "msgget": lambda: libc.msgget(0, 0o1600),
    "semget": lambda: libc.semget(0, 1, 0o1600),
    "memfd_create": lambda: libc.memfd_create(b"x", 0),
    "memfd_secret": lambda: libc.syscall(447, 0),
    "vmsplice": lambda: libc.vmsplice(1, None, 0, 0),
    "io_uring_setup": lambda: libc.syscall(425, 0, None),
    "bpf": lambda: libc.syscall({BPF.get(os.uname().machine)}, 0, None, 0),
    "mount": lambda: libc.mount(b"x", b"/tmp", b"tmpfs", 0, None),
    "fsopen": lambda: libc.syscall(430, b"tmpfs", 0),
}}
for name, attempt in tries.items():
    done = attempt()
    print(name, done, errno.errorcode.get(ctypes.get_errno()))
"""
REFUSED = [f"{line.split(chr(34))[1]} -1 ENOSYS" for line in CALLS.splitlines() if "lambda" in line]


def test_calls_that_hold_memory_out_of_sight_are_refused(place: Place) -> None:
    run = place.python(CALLS)
    assert place.finish(run) == Exit(0), place.log(run)
    assert place.log(run).splitlines() == REFUSED


@pytest.mark.usefixtures("as_root")
def test_without_a_sandbox_they_are_refused_too(bare: Place) -> None:
    run = bare.python(CALLS)
    assert bare.finish(run) == Exit(0), bare.log(run)
    assert bare.log(run).splitlines() == REFUSED


OTHER_CONVENTION = """
import ctypes, mmap
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code.write(b"\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3")  # mov eax, getpid; int 0x80; ret
call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
print(call())
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the code is this machine's")
def test_the_way_around_by_calls_of_32_bits_is_closed(place: Place) -> None:
    run = place.python(OTHER_CONVENTION)
    assert place.finish(run) == Exit(0), place.log(run)
    assert place.log(run) == "-38\n"


MULTIPROCESSING = """
import multiprocessing, os
from multiprocessing import shared_memory

def square(number):
    return number * number

def add(total, name):
    shared = shared_memory.SharedMemory(name)
    shared.buf[0] = 7
    shared.close()
    with total.get_lock():
        total.value += 1

if __name__ == "__main__":
    for how in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(how)
        total, shared = context.Value("i", 0), shared_memory.SharedMemory(create=True, size=4096)
        children = [context.Process(target=add, args=(total, shared.name)) for _ in range(3)]
        for child in children: child.start()
        for child in children: child.join()
        with context.Pool(2) as pool:
            print(how, total.value, shared.buf[0], pool.map(square, range(4)))
        shared.close()
        shared.unlink()
"""


def test_pythons_processes_share_memory_as_anywhere(place: Place) -> None:
    run = place.python(MULTIPROCESSING, memory=400 * MIB, processes=64)
    assert place.finish(run) == Exit(0), place.log(run)
    said = "3 7 [0, 1, 4, 9]"
    assert place.log(run).splitlines() == [
        f"{how} {said}" for how in ("fork", "spawn", "forkserver")
    ]


LET_GO = """
import mmap, time
held = []
for number in range(40):
    held.append(mmap.mmap(-1, 10_000_000))
    for at in range(0, 10_000_000, 1_000_000):
        held[-1][at:at + 1_000_000] = bytes(range(250)) * 4_000
    held[-1].madvise(mmap.MADV_DONTNEED)
    time.sleep(0.02)
time.sleep(60)
"""
EMPTY = """
import os
for number in range(1_000_000):
    os.close(os.open(f"/dev/shm/{number}", os.O_CREAT))
"""
TABLES = """
import mmap, time
FAR, UNRESERVED = 2**21, 0x4000
FLAGS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | UNRESERVED
held = mmap.mmap(-1, 200_000 * FAR, flags=FLAGS, prot=mmap.PROT_READ)
held.madvise(mmap.MADV_NOHUGEPAGE)
for place in range(0, 200_000 * FAR, FAR):
    held[place]
time.sleep(60)
"""


@pytest.mark.parametrize("code", [EMPTY, TABLES], ids=["empty files in memory", "page tables"])
def test_memory_that_the_kernel_holds_for_it(place: Place, code: str) -> None:
    run = place.python(code, memory=100 * MIB, seconds=20)
    assert place.finish(run).reason is ExitReason.OOM, place.log(run)


@pytest.mark.usefixtures("as_root")  # only root may follow a mapping to what it maps
def test_shared_memory_that_no_process_has_touched_any_more(place: Place) -> None:
    run = place.python(LET_GO, memory=100 * MIB, seconds=20)
    assert place.finish(run).reason is ExitReason.OOM, place.log(run)


@pytest.mark.usefixtures("as_root")
def test_without_a_sandbox_files_in_memory_that_have_no_name(bare: Place) -> None:
    run = bare.python(
        "import os, time\n"
        "held = []\n"
        "for number in range(40):\n"
        "    held.append(os.open('/dev/shm', os.O_TMPFILE | os.O_RDWR))\n"
        "    os.write(held[-1], bytes(10_000_000)); time.sleep(0.02)\n"
        "time.sleep(60)\n",
        memory=100 * MIB,
        seconds=20,
    )
    assert bare.finish(run).reason is ExitReason.OOM, bare.log(run)


@pytest.fixture
def in_memory() -> Iterator[Place]:
    """Without a sandbox, its data in memory, so that all disks are other ones."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    folder.chmod(0o711)
    place = Place(folder / "data", sandbox="none")
    yield place
    settle(place)
    shutil.rmtree(folder)


ELSEWHERE = """
import os, time
files = [os.open("/var/tmp", os.O_TMPFILE | os.O_RDWR) for _ in range(40)]
for file in files: os.write(file, bytes(5_000_000))
time.sleep(1)
"""


def test_a_file_without_a_name_on_another_disk_is_no_memory(in_memory: Place) -> None:
    run = in_memory.python(ELSEWHERE, memory=100 * MIB)
    assert in_memory.finish(run) == Exit(0), in_memory.log(run)


def test_it_counts_with_what_is_written(in_memory: Place) -> None:
    run = in_memory.python(ELSEWHERE, disk=100 * MIB)
    assert in_memory.finish(run).reason is ExitReason.STORAGE, in_memory.log(run)


MAPPED = """
import ctypes, os, time
libc = ctypes.CDLL(None)
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
for number in range(40):
    file = os.open("/data/outputs/gone", os.O_CREAT | os.O_RDWR)
    os.unlink("/data/outputs/gone")
    os.write(file, bytes(1_000_000))
    libc.mmap(None, 4096, 1, 1, file, 0)
    os.close(file)
    time.sleep(0.02)
time.sleep(60)
"""


@pytest.mark.usefixtures("as_root")
def test_removed_outputs_of_which_a_page_is_mapped(place: Place) -> None:
    run = place.python(MAPPED, disk=20 * MIB, seconds=20)
    assert place.finish(run).reason is ExitReason.STORAGE, place.log(run)


def test_shared_memory_counts_once_however_many_have_it_mapped(place: Place) -> None:
    run = place.python(
        "import mmap, os, time\n"
        "shared = mmap.mmap(-1, 60_000_000)\n"
        "shared[:] = bytes(b'x') * 60_000_000\n"
        "for _ in range(4):\n"
        "    if os.fork() == 0:\n"
        "        shared[::4096]; time.sleep(1); os._exit(0)\n"
        "for _ in range(4): os.wait()\n",
        memory=160 * MIB,
    )
    assert place.finish(run) == Exit(0), place.log(run)


PINNED = """
import ctypes, mmap, socket
HUGE, ZEROCOPY = 2**21, 60
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
other, _ = server.accept()
client.setblocking(False)
try:
    while True: client.send(bytes(65_536))
except BlockingIOError:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**30)
client.setsockopt(socket.SOL_SOCKET, ZEROCOPY, 1)
sent = 0
try:
    for sent in range(400):
        held = mmap.mmap(-1, 2 * HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        held.madvise(mmap.MADV_HUGEPAGE)
        begin = ctypes.addressof(ctypes.c_char.from_buffer(held))
        client.send((ctypes.c_char * 1).from_address(-(-begin // HUGE) * HUGE), 0x4000000)
except OSError as refused:
    print(sent, refused)
"""


def test_few_bytes_can_be_pinned_on_their_way_through_the_network(place: Place) -> None:
    run = place.python(PINNED, memory=100 * MIB)
    assert place.finish(run) == Exit(0), place.log(run)
    sent, refusal = place.log(run).split(maxsplit=1)
    assert int(sent) < 32
    assert "No buffer space" in refusal


MANY_MAPPED = """
import mmap, os, time
for _ in range(8):
    if os.fork() == 0:
        held = [mmap.mmap(-1, 4096) for _ in range(60_000)]
        time.sleep(60)
time.sleep(60)
"""


@pytest.mark.usefixtures("as_root")
def test_a_look_that_would_take_minutes_is_not_taken(place: Place) -> None:
    run = place.python(MANY_MAPPED, memory=1_000 * MIB, seconds=20)
    assert place.finish(run).reason is ExitReason.OOM, place.log(run)
