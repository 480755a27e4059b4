"""The network: none, unless every dataset of the job allows it."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from compute_ref.plugins import Exit
from compute_ref.testing.backend_contract.abilities import Abilities
from compute_ref.testing.backend_contract.server import Server

LOOPBACK: Final = "127.0.0.1"


class Door(socketserver.ThreadingTCPServer):
    """A listener on a free port that counts who came, and lets everybody go."""

    def __init__(self, host: str) -> None:
        super().__init__((host, 0), socketserver.BaseRequestHandler)
        self.port = int(self.server_address[1])
        self.came = 0

    def verify_request(self, *_: object) -> bool:
        """Count."""
        self.came += 1
        return True


@contextmanager
def door(host: str) -> Iterator[Door]:
    """A listener on an address of this machine."""
    with Door(host) as opened:
        thread = threading.Thread(target=opened.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield opened
        finally:
            opened.shutdown()
            thread.join()


class Network(Abilities):
    """The network, where it is allowed."""

    def test_without_network_it_reaches_nobody(self, server: Server) -> None:
        """Neither a server on this machine's loopback nor what it could reach with a network."""
        if self.holds(server, "network", server.script("true").limits):
            for host in {LOOPBACK, self.host}:
                assert self.call(server, host, network=False) == (False, 0), host

    def test_with_network_it_reaches_whom_it_likes(self, server: Server) -> None:
        """Where every dataset allows it; a site that gives none says so, and then gives none."""
        reached, came = self.call(server, self.host, network=True)
        assert (reached, came > 0) == (self.gives_network, self.gives_network)

    def call(self, server: Server, host: str, *, network: bool) -> tuple[bool, int]:
        """Whether an algorithm says that it could connect to this machine, and how many did."""
        with door(host) as opened:
            command = self.connecting(host, opened.port)
            run = server.script(f'{command}\necho $? > "$OUTPUTS/code"', network=network)
            assert server.finish(run) == Exit(0), server.log(run)
        code = server.output(run, "code").strip()
        assert code != "127", f"there is no such program: {command}"
        return code == "0", opened.came
