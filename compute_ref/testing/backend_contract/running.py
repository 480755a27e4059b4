"""A run from its launch to its end: what the algorithm is given and what comes back."""

from __future__ import annotations

import hashlib

import pytest

from compute_ref.plugins import AlgorithmUnavailable, Exit, Image
from compute_ref.testing.backend_contract.abilities import Abilities
from compute_ref.testing.backend_contract.scripts import AWAIT_GO
from compute_ref.testing.backend_contract.server import Server

NOWHERE = Image("compute-ref.invalid/nothing", "none", "sha256:" + "0" * 64)
LINE = b"0123456789abcde\n"
LINES = 2**22  # of 16 bytes: 64 MiB
ODD = "two  spaces, 'single' and \"double\" quotes, $HOME, $(INPUTS), `id`, \\, *, #, é\nand a line"


class Running(Abilities):
    """A run from its launch to its end."""

    def test_check_says_in_one_line_what_it_found(self, server: Server) -> None:
        """The operator reads it at the start of the server."""
        found = server.backend.check()
        assert found.strip()
        assert "\n" not in found

    def test_a_good_run_ends_with_its_output_and_log(self, server: Server) -> None:
        """Exit code 0, outputs in outputs, standard output and error in algorithm.log."""
        run = server.run('cat "$INPUTS/data" > "$OUTPUTS/copy"; echo said; echo complained >&2')
        assert server.finish(run) == Exit(0)
        assert server.output(run, "copy") == f"the input of {run.job_id}"
        assert sorted(server.log(run).splitlines()) == ["complained", "said"]

    @pytest.mark.parametrize(("entrypoint", "code"), [("exit 42", 42), ("no-such-program", 127)])
    def test_a_bad_exit_code_is_told(self, server: Server, entrypoint: str, code: int) -> None:
        """It is the algorithm's, not the backend's fault."""
        assert server.finish(server.run(entrypoint)) == Exit(code)

    def test_its_variables_arrive_as_they_are(self, server: Server) -> None:
        """No shell and no template takes them apart."""
        variables = {"DIDS": '["a", "b"]', "odd": ODD, "empty": ""}
        code = "".join(f'printf %s "${name}" > "$OUTPUTS/{name}"\n' for name in variables)
        run = server.script(code + 'test -n "${empty+set}"', variables=variables)
        assert server.finish(run) == Exit(0), server.log(run)
        assert {name: server.output(run, name) for name in variables} == variables

    def test_nothing_of_the_servers_own_variables_is_shown(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They may hold keys."""
        monkeypatch.setenv("SERVER_KEY", "a key of the server")
        run = server.script("env", variables={"secret": "its own"})
        assert server.finish(run) == Exit(0)
        assert "secret=its own" in server.log(run).splitlines()
        assert "a key of the server" not in server.log(run)

    def test_variables_name_the_folders(self, server: Server) -> None:
        """It finds inputs, DDOs and itself there, and works in the folder that has them all."""
        run = server.run(
            'cat "$INPUTS/data" "$VOLUME/ddos/ddo" "$VOLUME/transformations/algorithm"'
            ' > "$OUTPUTS/all"; ls -d "$LOGS" && test "$(pwd -P)" = "$(cd "$VOLUME" && pwd -P)"',
            code="the algorithm",
        )
        assert server.finish(run) == Exit(0), server.log(run)
        expected = f"the input of {run.job_id}the DDO of {run.job_id}the algorithm"
        assert server.output(run, "all") == expected

    def test_the_algorithms_path_is_quoted(self, server: Server) -> None:
        """``$ALGO`` is one word, whatever the data folder is called, and arguments stay whole."""
        run = server.run("sh $ALGO 'a b'", code='printf "%s\\n" "$0" "$#" "$1"')
        assert server.finish(run) == Exit(0), server.log(run)
        path, *arguments = server.log(run).splitlines()
        assert path.endswith("/transformations/algorithm")
        assert arguments == ["1", "a b"]

    def test_the_algorithm_is_a_program(self, server: Server) -> None:
        """An entrypoint may run it without naming an interpreter."""
        run = server.run("$ALGO there", code='#!/bin/sh\necho "hello $1"\n')
        assert server.finish(run) == Exit(0), server.log(run)
        assert server.log(run) == "hello there\n"

    def test_a_big_output_arrives_whole(self, server: Server) -> None:
        """64 MiB, as they were written."""
        size = LINES * len(LINE)
        run = server.run(f'yes 0123456789abcde | head -c {size} > "$OUTPUTS/big"', disk=2 * size)
        assert server.finish(run) == Exit(0), server.log(run)
        with (run.folders.outputs / "big").open("rb") as file:
            found = hashlib.file_digest(file, "sha256")
        assert found.digest() == hashlib.sha256(LINE * LINES).digest()

    def test_ten_at_once_end_with_their_own_outputs(self, server: Server) -> None:
        """No run sees another's variables, inputs or outputs."""
        code = AWAIT_GO + 'printf %s "$mine" > "$OUTPUTS/mine"; cat "$INPUTS/data"; exit "$number"'
        runs = [
            server.script(code, variables={"mine": f"of {number}", "number": str(number)})
            for number in range(10)
        ]
        handles = [server.backend.launch(run) for run in runs]
        for run in runs:
            server.let_go(run)
        assert [server.end(handle) for handle in handles] == [Exit(code) for code in range(10)]
        for number, run in enumerate(runs):
            assert server.output(run, "mine") == f"of {number}"
            assert server.log(run) == f"the input of {run.job_id}"

    def test_the_next_run_of_a_job_is_another_run(self, server: Server) -> None:
        """Its number is all that differs."""
        first = server.script("exit 3")
        second = server.again(first, "exit 4")
        assert server.finish(first) == Exit(3)
        assert server.backend.find(server.name(second)) is None
        assert server.finish(second) == Exit(4)
        assert server.end(server.backend.find(server.name(first))) == Exit(3)

    def test_an_image_that_is_not_there_is_told(self, server: Server, image: Image | None) -> None:
        """AlgorithmUnavailable ends the job at 32; a backend without images needs none."""
        assert server.backend.runs_images == (image is not None)
        run = server.run("true", image=NOWHERE)
        if image is None:
            assert server.finish(run) == Exit(0)
            return
        with pytest.raises(AlgorithmUnavailable):
            server.backend.launch(run)
        assert server.backend.find(server.name(run)) is None
