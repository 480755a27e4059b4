"""Memory and disk that an algorithm holds where a look at its processes would not find them."""

import pytest

from compute_ref.plugins import Exit, ExitReason

MIB = 2**20

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
def test_memory_that_the_kernel_holds_for_it(place, code):
    run = place.python(code, memory=100 * MIB, seconds=20)
    assert place.finish(run).reason is ExitReason.OOM, place.log(run)


@pytest.mark.usefixtures("as_root")  # only root may follow a mapping to what it maps
def test_shared_memory_that_no_process_has_touched_any_more(place):
    run = place.python(LET_GO, memory=100 * MIB, seconds=20)
    assert place.finish(run).reason is ExitReason.OOM, place.log(run)


@pytest.mark.usefixtures("as_root")
def test_without_a_sandbox_files_in_memory_that_have_no_name(bare):
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
def test_removed_outputs_of_which_a_page_is_mapped(place):
    run = place.python(MAPPED, disk=20 * MIB, seconds=20)
    assert place.finish(run).reason is ExitReason.STORAGE, place.log(run)


def test_shared_memory_counts_once_however_many_have_it_mapped(place):
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


MANY_MAPPED = """
import mmap, os, time
for _ in range(8):
    if os.fork() == 0:
        held = [mmap.mmap(-1, 4096) for _ in range(60_000)]
        time.sleep(60)
time.sleep(60)
"""


@pytest.mark.usefixtures("as_root")
def test_a_look_that_would_take_minutes_is_not_taken(place):
    run = place.python(MANY_MAPPED, memory=1_000 * MIB, seconds=20)
    assert place.finish(run).reason is ExitReason.OOM, place.log(run)
