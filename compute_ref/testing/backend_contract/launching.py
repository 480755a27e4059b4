"""Launching under a name: once, whatever calls twice or at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from compute_ref.plugins import Backend, Exit
from compute_ref.testing.backend_contract.abilities import Abilities
from compute_ref.testing.backend_contract.scripts import AWAIT_GO, COUNT_START
from compute_ref.testing.backend_contract.server import Server

MANY = 6


class Launching(Abilities):
    """Launching under a name."""

    def test_a_name_is_made_of_job_and_number_alone(self, server: Server) -> None:
        """Any server gives the same name, and no other run has it."""
        names = [server.backend.name("0123abcz", number) for number in (1, 2, 11)]
        names += [server.backend.name(job_id, 1) for job_id in ("0123abcy", "123abcz")]
        assert len(set(names)) == len(names)
        assert server.another_backend().name("0123abcz", 1) == names[0]

    def test_a_name_that_was_not_launched_is_not_found(self, server: Server) -> None:
        """Also by the server after one that crashed before the launch; that launches it."""
        run = server.script(COUNT_START)
        name = server.name(run)
        server.crash()
        assert server.backend.find(name) is None
        assert server.listed() == set()
        assert server.finish(run) == Exit(0)
        assert server.output(run, "starts") == "once\n"

    def test_a_launched_name_is_found(self, server: Server) -> None:
        """While it runs, and after its end."""
        run = server.script(AWAIT_GO + "exit 3")
        handle = server.backend.launch(run)
        assert handle.name == server.name(run)
        found = server.backend.find(handle.name)
        assert found is not None
        assert found.name == handle.name
        server.let_go(run)
        assert server.end(found) == Exit(3)
        assert server.end(server.backend.find(handle.name)) == Exit(3)

    def test_launching_again_starts_nothing(self, server: Server) -> None:
        """It gives the run that is there, running or ended."""
        run = server.script(COUNT_START + AWAIT_GO)
        first = server.backend.launch(run)
        second = server.backend.launch(run)
        server.let_go(run)
        assert [server.end(first), server.end(second)] == [Exit(0), Exit(0)]
        assert server.finish(run) == Exit(0)
        assert server.output(run, "starts") == "once\n"

    def test_launching_many_times_at_once_starts_it_once(self, server: Server) -> None:
        """From several threads of one server, and from further ones on the same site."""
        run = server.script(COUNT_START)
        backends = [*(server.another_backend() for _ in range(MANY // 2)), server.backend]
        callers = [*backends, *(server.backend for _ in range(MANY // 2))]
        for backend in backends:
            backend.check()
        barrier = threading.Barrier(len(callers))

        def launch(backend: Backend) -> Exit | None:
            barrier.wait()
            return backend.wait(backend.launch(run), server.patience)

        with ThreadPoolExecutor(len(callers)) as pool:
            ends = list(pool.map(launch, callers))
        assert ends == [Exit(0)] * len(callers)
        assert server.output(run, "starts") == "once\n"
