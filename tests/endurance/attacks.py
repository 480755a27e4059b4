"""Algorithms that try what they must not, and how each is to end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: an attacker may know all of the server's paths, ports and process ids
BEFORE = """
import json, os, signal, socket, sys, time

OUTPUTS, INPUTS, LOGS = (os.environ[name] for name in ("OUTPUTS", "INPUTS", "LOGS"))
KNOWN = json.load(open(INPUTS + "/algoCustomData.json"))

def attempt(act, *arguments):
    try:
        found = act(*arguments)
    except OSError:
        return
    with open(OUTPUTS + "/succeeded", "a") as told:
        print(getattr(act, "__name__", act), arguments, found, file=told)

def read(path):
    return os.listdir(path) if os.path.isdir(path) else open(path, "rb").read()

def write(path):
    with open(path, "a") as file:
        file.write("intruder")

def deaf():
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)

def apart(act):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            deaf()
            act()
        os._exit(0)
    os.wait()

def for_ever():
    while True:
        time.sleep(1)
"""
AFTER = """
open(OUTPUTS + "/tried", "w").close()
"""


@dataclass(frozen=True)
class Attack:
    """What an algorithm does, how its job is to end, and the outputs that it is to have then.

    ``tried`` is what one leaves that got to its end, ``succeeded`` tells what it should not have
    got.
    """

    code: str
    reason: str = "completed"
    outputs: frozenset[str] = frozenset({"tried"})
    said: str = ""
    environment: str = "local"


#: contained with and without a sandbox
ANYWHERE: Mapping[str, Attack] = {
    "forks without end": Attack(
        """
while True:
    try:
        os.fork()
    except OSError:
        pass
""",
        "failed",
        frozenset(),
        said="more processes at once",
    ),
    "fills memory": Attack(
        """
held = []
while True:
    held.append(bytearray(b"x") * 4_000_000)
    time.sleep(0.01)
""",
        "outOfMemory",
        frozenset(),
        said="more memory",
    ),
    "fills the disk": Attack(
        """
for number in range(10**9):
    with open(f"{OUTPUTS}/{number}", "wb") as file:
        file.write(bytes(1_000_000))
    time.sleep(0.01)
""",
        "storage",
        frozenset(),
        said="disk holds",
    ),
    "runs on for ever": Attack(
        "deaf(); write(OUTPUTS + '/begun'); for_ever()",
        "timeout",
        frozenset({"begun"}),
        said="time limit",
        environment="brief",
    ),
    "leaves children behind": Attack(
        """
apart(for_ever)
apart(lambda: os.execve("/bin/sleep", ["sleep", "600"], {}))
apart(lambda: (os.closerange(0, 1024), for_ever()))
"""
    ),
    "changes an output after its exit": Attack(
        """
def change():
    while True:
        with open(OUTPUTS + "/result", "a") as result:
            result.write("changed\\n")

apart(change)
while not os.path.exists(OUTPUTS + "/result"):
    time.sleep(0.01)
""",
        outputs=frozenset({"tried", "result"}),
    ),
    "publishes links, pipes, sockets and devices": Attack(
        """
os.chdir(OUTPUTS)
os.mkdir("sub")
for number, target in enumerate([*KNOWN["places"], "/proc/self/environ", ".."]):
    os.symlink(target, f"link{number}")
    os.symlink(os.path.relpath(target, OUTPUTS + "/sub"), f"sub/link{number}")
os.mkfifo("pipe")
socket.socket(socket.AF_UNIX).bind("socket")
for kind in (0o020666, 0o060666):
    attempt(os.mknod, f"device{kind}", kind, os.makedev(1, 3))
write("one")
os.link("one", "two")
write("sub/plain")
""",
        outputs=frozenset({"tried", "sub/plain"}),
    ),
    "floods its log": Attack(
        "for _ in range(200_000): print('x' * 99)", said="The rest of this log was cut off"
    ),
}

#: contained in the sandbox
SANDBOXED: Mapping[str, Attack] = {
    "reads what is not its own": Attack(
        """
for path in KNOWN["places"]:
    attempt(read, path)
    for pid in ("1", "self", str(os.getppid()), KNOWN["pid"]):
        attempt(read, f"/proc/{pid}/root{path}")
attempt(read, f"/proc/{KNOWN['pid']}/environ")
"""
    ),
    "puts links in the place of its log and outputs": Attack(
        """
print("as it was", flush=True)
for target in KNOWN["places"]:
    attempt(os.unlink, LOGS + "/algorithm.log")
    attempt(os.symlink, target, LOGS + "/algorithm.log")
    attempt(os.rename, OUTPUTS, OUTPUTS + ".moved")
    attempt(os.rmdir, OUTPUTS)
    attempt(os.symlink, target, OUTPUTS)
attempt(open, LOGS + "/algorithm.log", "w")
""",
        said="as it was",
    ),
    "links files of the server into its outputs": Attack(
        """
own = [INPUTS + "/algoCustomData.json", sys.argv[0], "/usr/bin/env"]
for number, path in enumerate([*own, *KNOWN["places"]]):
    attempt(os.link, path, f"{OUTPUTS}/{number}")
"""
    ),
    "calls the server, other addresses and other processes": Attack(
        """
def connect(address):
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as made:
        made.settimeout(5)
        made.connect(address)

for port in (KNOWN["port"], 22, 80):
    for host in ("127.0.0.1", KNOWN["host"], "169.254.169.254", "192.0.2.1"):
        attempt(connect, (host, port))
attempt(connect, "\\0" + KNOWN["socket"])
attempt(connect, "/run/docker.sock")
attempt(socket.getaddrinfo, "example.org", 80)
attempt(os.kill, int(KNOWN["pid"]), signal.SIGKILL)
"""
    ),
    "writes outside of its outputs": Attack(
        """
elsewhere = "/ /data /data/ddos /data/transformations /usr/bin /etc /dev /root /var /run /home"
for folder in (INPUTS, LOGS, *elsewhere.split(), *KNOWN["folders"]):
    attempt(write, f"{folder}/{KNOWN['intruder']}")
    attempt(os.mkdir, f"{folder}/{KNOWN['intruder']}.d")
    attempt(os.chmod, folder, 0o777)
for path in (INPUTS + "/algoCustomData.json", sys.argv[0], *KNOWN["places"]):
    attempt(write, path)
for folder in ("/tmp", "/dev/shm"):  # its own
    write(f"{folder}/{KNOWN['intruder']}")
"""
    ),
}
