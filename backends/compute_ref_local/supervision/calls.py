"""Calls of the kernel that an algorithm is refused: what they hold, no look at it would find.

Memory of System V and of memfds belongs to no process, memory that is given to a pipe or to a
ring is pinned in whole huge pages, and whoever mounts has as much memory as the machine has. All
fail with ENOSYS, as on a kernel without them; programs that know another way take it.
"""

import errno
import os
import struct

#: their numbers on x86_64 and on aarch64
REFUSED = {
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "vmsplice": (278, 75),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "mount": (165, 40),
    "fsopen": (430, 430),
}
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # as the kernel's auditing names them
X32 = 0x4000_0000  # from here on, another convention of the same machine
NUMBER, MACHINE = 0, 4  # places in what the filter is given
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, FAIL = 0x7FFF_0000, 0x0005_0000 | errno.ENOSYS


def refusal() -> bytes:
    """The filter's program, b"" where this machine's numbers are not known.

    The calls of other machines that the kernel may know as well (of 32 bits) are all refused.
    """
    machine = os.uname().machine
    if machine not in MACHINES:
        return b""
    numbers = [call[list(MACHINES).index(machine)] for call in REFUSED.values()]
    left = len(numbers) + 1  # steps between the first comparison and the refusal
    steps = [(LOAD, 0, 0, MACHINE), (EQUAL, 0, left + 2, MACHINES[machine]), (LOAD, 0, 0, NUMBER)]
    steps += [(AT_LEAST, left, 0, X32)]
    steps += [(EQUAL, left - at, 0, number) for at, number in enumerate(numbers, 1)]
    steps += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, FAIL)]
    return b"".join(struct.pack("HBBI", *step) for step in steps)
