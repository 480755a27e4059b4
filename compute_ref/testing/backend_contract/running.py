"""An algorithm that runs to its end by itself."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import pytest

from compute_ref.plugins import AlgorithmUnavailable, ExitReason, Image
from compute_ref.testing.backend_contract.bench import STAY, Bench
from compute_ref.testing.backend_contract.contract import Contract

#: what one of a shell, a container engine or a cluster would replace in a variable
AWKWARD: Final = """a 'b' "c" $HOME ${HOME} `d` \\ $(VOLUME) $$ $$(VOLUME) %s é\nnext line"""
COPY: Final = 'cat "$INPUTS/data" > "$OUTPUTS/copy"\n'
LOG: Final = 10_000  # bytes
LINE: Final = "0123456789abcde\n"
BIG: Final = 64 * 2**20


class Running(Contract):
    """It finds what it was promised, and what it leaves and how it ends is told as it was."""

    def test_a_success_leaves_its_outputs_and_its_log(self, bench: Bench) -> None:
        """Both streams are in the log, and there is nothing to read on standard input."""
        run = bench.run(
            'echo said; echo complained >&2; cat > "$OUTPUTS/stdin"\n'
            + COPY
            + 'mkdir "$OUTPUTS/sub"; echo deep > "$OUTPUTS/sub/deep"'
        )
        end = bench.finish(run)
        assert (end.code, end.reason) == (0, ExitReason.EXITED), bench.log(run)
        assert sorted(bench.log(run).splitlines()) == ["complained", "said"]
        assert bench.output(run, "copy") == f"the input of {run.job_id}\n"
        assert bench.output(run, "sub/deep") == "deep\n"
        assert bench.output(run, "stdin") == ""

    def test_a_failure_keeps_its_exit_code(self, bench: Bench) -> None:
        """And what it had written by then."""
        run = bench.run(COPY + "exit 3")
        end = bench.finish(run)
        assert (end.code, end.reason) == (3, ExitReason.EXITED)
        assert bench.output(run, "copy") == f"the input of {run.job_id}\n"

    def test_the_entrypoint_is_a_shell_command(self, bench: Bench) -> None:
        """Words, quotes, pipes and the shell's own ``$$`` are the shell's to understand."""
        run = bench.run(
            'echo "$# $1"; test "$2" -gt 0',
            entrypoint="sh $ALGO 'two words' $$ > \"$OUTPUTS/said\" || exit 9; exit 4",
        )
        assert bench.finish(run).code == 4, bench.log(run)
        assert bench.output(run, "said") == "2 two words\n"

    def test_the_algorithm_is_one_word_and_executable(self, bench: Bench) -> None:
        """``$ALGO`` is quoted, wherever the run's folder lies."""
        run = bench.run('test -f "$0" && echo "$# $1"', entrypoint="$ALGO 'two words'")
        assert bench.finish(run).code == 0, bench.log(run)
        assert bench.log(run) == "1 two words\n"

    def test_an_entrypoint_that_names_no_program_fails(self, bench: Bench) -> None:
        """As a shell says it."""
        run = bench.run(entrypoint="no-such-program-here $ALGO")
        assert bench.finish(run).code == 127

    def test_variables_arrive_as_they_are(self, bench: Bench) -> None:
        """Nothing in a value is replaced on its way."""
        run = bench.run(
            "for name in DIDS secret AWKWARD; do\n"
            '  eval "printf %s \\"\\$$name\\"" > "$OUTPUTS/$name"\n'
            "done",
            variables={"AWKWARD": AWKWARD},
        )
        assert bench.finish(run).code == 0, bench.log(run)
        assert {name: bench.output(run, name) for name in run.variables} == dict(run.variables)

    def test_variables_name_the_folders(self, bench: Bench) -> None:
        """All lie below ``$VOLUME``, where the algorithm begins."""
        run = bench.run(
            "set -eu\n"
            'test "$(pwd -P)" = "$(cd "$VOLUME" && pwd -P)"\n'
            'test "$INPUTS" = "$VOLUME/inputs" && test -f "$INPUTS/data"\n'
            'test "$OUTPUTS" = "$VOLUME/outputs" && test -d "$OUTPUTS"\n'
            'test "$LOGS" = "$VOLUME/logs" && test -d "$LOGS"\n'
            'test -f "$VOLUME/ddos/ddo" && test -x "$VOLUME/transformations/algorithm"\n'
            "echo all of it"
        )
        assert bench.finish(run).code == 0, bench.log(run)
        assert bench.log(run) == "all of it\n"

    def test_a_chatty_log_is_cut_and_the_run_goes_on(self, bench: Bench) -> None:
        """What came first is kept."""
        run = bench.run('yes said | head -c 1000000; : > "$OUTPUTS/after"', log=LOG)
        assert bench.finish(run).code == 0
        log = bench.log(run)
        assert log[:LOG] == "said\n" * (LOG // 5)
        assert len(log) < LOG + 1_000, "the log is longer than allowed and a line that says so"
        assert bench.output(run, "after") == ""

    def test_a_large_output_arrives_whole(self, bench: Bench) -> None:
        """64 MiB."""
        run = bench.run(f'yes {LINE.strip()} | head -c {BIG} > "$OUTPUTS/big"', disk=2 * BIG)
        assert bench.finish(run).code == 0, bench.log(run)
        whole = hashlib.sha256(LINE.encode() * (BIG // len(LINE)))
        assert _digest(run.folders.outputs / "big") == whole.hexdigest()

    def test_ten_at_once_keep_to_themselves(self, bench: Bench) -> None:
        """All are running when the first is allowed to end."""
        begun = [bench.begin(STAY + COPY) for _ in range(10)]
        assert {bench.name(run) for run, _ in begun} <= set(bench.list())
        for run, _ in begun:
            bench.release(run)
        assert [bench.end(handle).code for _, handle in begun] == [0] * 10
        for run, _ in begun:
            assert bench.output(run, "copy") == f"the input of {run.job_id}\n"

    def test_the_next_run_of_a_job_is_another_run(self, bench: Bench) -> None:
        """Under the same job id, with a number, folders and an end of its own."""
        first = bench.run(COPY + "exit 1")
        assert bench.finish(first).code == 1
        second = bench.run("exit 2", again=first)
        assert bench.find(second) is None
        assert bench.finish(second).code == 2
        assert not (second.folders.outputs / "copy").exists()

    def test_an_image_that_nobody_has_makes_the_algorithm_unavailable(
        self, bench: Bench, image: Image | None
    ) -> None:
        """A backend that runs processes has no use for an image, and says so."""
        assert bench.backend.runs_images is (image is not None)
        run = bench.run("exit 0", image=self.unknown_image)
        if image is None:
            assert bench.finish(run).code == 0
            return
        with pytest.raises(AlgorithmUnavailable, match=r"\w"):
            bench.launch(run)
        assert bench.name(run) not in bench.list()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
