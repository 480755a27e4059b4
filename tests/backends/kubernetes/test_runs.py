"""What an algorithm finds, and what becomes of what it leaves."""

import os

from compute_ref.plugins import Exit
from tests.backends.kubernetes.conftest import Place


class TestRuns:
    def test_a_signal_that_ends_it_is_told(self, place: Place) -> None:
        assert place.finish(place.run("sh -c 'kill -SEGV $$'")) == Exit(139)

    def test_all_but_outputs_and_tmp_is_read_only(self, place: Place) -> None:
        run = place.run(
            "for place in / /data /data/* /tmp; do\n"
            "  if touch $place/new 2>/dev/null; then echo $place; fi\n"
            "done"
        )
        assert place.finish(run) == Exit(0)
        assert place.log(run).split() == ["/data/outputs", "/tmp"]

    def test_it_sees_no_other_run_and_nothing_of_the_servers(self, place: Place) -> None:
        run = place.run("ls /data; find / -xdev -name 'unseen*' 2>/dev/null; true")
        for folder in (run.folders.control, run.folders.root, place.data_dir):
            (folder / "unseen").touch()
        (place.run("true").folders.inputs / "unseen").touch()
        assert place.finish(run) == Exit(0)
        assert place.log(run).split() == ["ddos", "inputs", "logs", "outputs", "transformations"]

    def test_its_variables_are_as_they_were_given(self, place: Place) -> None:
        run = place.run('echo "$WORDS"; echo "$VOLUME $INPUTS $OUTPUTS $LOGS"')
        run.variables["WORDS"] = "$(VOLUME) $$ `x` 'y' $VOLUME"  # type: ignore[index]
        assert place.finish(run) == Exit(0)
        assert place.log(run).splitlines() == [
            "$(VOLUME) $$ `x` 'y' $VOLUME",
            "/data /data/inputs /data/outputs /data/logs",
        ]

    def test_its_entrypoint_is_the_shells_and_not_the_clusters(self, place: Place) -> None:
        run = place.run('test $$ -gt 0 && echo "$(echo $(VOLUME=x; echo $VOLUME))"; pwd')
        assert place.finish(run) == Exit(0)
        assert place.log(run) == "x\n/data\n"

    def test_it_is_a_user_without_privileges_to_whom_its_folders_are_lent(
        self, place: Place
    ) -> None:
        (uid, gid) = (65_000, 65_000) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
        run = place.run("id -u; id -g; grep -E '^(CapEff|NoNewPrivs)' /proc/self/status")
        assert place.finish(run) == Exit(0)
        assert place.log(run).split() == [
            *(str(uid), str(gid)),
            *("CapEff:", "0000000000000000", "NoNewPrivs:", "1"),
        ]

    def test_folders_that_it_closes_to_everybody_are_still_the_servers(self, place: Place) -> None:
        run = place.run(
            "mkdir $OUTPUTS/closed; echo x > $OUTPUTS/closed/x; chmod 0 $OUTPUTS/closed"
        )
        assert place.finish(run) == Exit(0)
        (run.folders.outputs / "closed").chmod(0o700)
        assert place.output(run, "closed/x") == "x\n"
