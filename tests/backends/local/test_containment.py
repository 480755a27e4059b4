"""What an algorithm tries and does not get."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from compute_ref.plugins import Exit, ExitReason, Run
from compute_ref_local.sandbox import Bubblewrap, Sources
from tests.backends.local.attempts import REPORT, reported
from tests.backends.local.conftest import Place

SECRET = "the secret of the server"


def test_it_sees_its_inputs_and_writes_its_outputs(place: Place) -> None:
    run = place.run('cat "$INPUTS/data" > "$OUTPUTS/copy"; echo said; echo complained >&2')
    assert place.finish(run) == Exit(0)
    assert place.output(run, "copy") == f"the input of {run.job_id}"
    assert place.log(run) == "said\ncomplained\n"


def test_it_sees_the_variables_of_the_page_and_nothing_of_the_server(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_SECRET", SECRET)
    run = place.run("env")
    place.finish(run)
    seen = dict(line.split("=", 1) for line in place.log(run).splitlines())
    assert seen["VOLUME"] == seen["PWD"] == "/data"
    assert (seen["INPUTS"], seen["OUTPUTS"]) == ("/data/inputs", "/data/outputs")
    assert seen["secret"] == run.variables["secret"]
    assert set(seen) <= {
        *("VOLUME", "INPUTS", "OUTPUTS", "LOGS", "secret"),
        *("PATH", "HOME", "LANG", "PWD", "SHLVL", "_", "OLDPWD"),
    }


def test_its_path_may_hold_what_a_shell_would_take_apart(place: Place) -> None:
    run = place.run("sh $ALGO 'a b'", code='echo "$0" "$1"')
    assert place.finish(run) == Exit(0)
    assert place.log(run) == "/data/transformations/algorithm a b\n"


def test_the_servers_own_interpreter_is_there(place: Place) -> None:
    run = place.python("import sys, json, ssl, sqlite3; print(sys.version_info[:2])")
    assert place.finish(run) == Exit(0), place.log(run)
    assert place.log(run) == f"{tuple(sys.version_info[:2])}\n"


def test_programs_that_are_links_through_etc_are_there_in_one_mount(place: Place) -> None:
    links = [path for path in Path("/usr/bin").iterdir() if path.is_symlink() and path.exists()]
    through = sorted(
        str(path)
        for path in links
        if path.readlink().parent == Path("/etc/alternatives")
        and path.resolve().is_relative_to("/usr")
    )
    assert through, "there is no such program on this machine: install mawk"
    run = place.run("ls -L " + " ".join(through))
    assert place.finish(run) == Exit(0), place.log(run)
    assert place.log(run).split() == through
    command = Bubblewrap.find().command(run, 64_000, Sources(staged=False), ())
    assert len(command) < 200, "one argument for each of hundreds of links is too long a command"


def test_it_cannot_read_accounts_keys_or_the_inputs_of_another_job(place: Place) -> None:
    place.data_dir.mkdir(exist_ok=True)
    key = place.data_dir / "provider.key"
    key.write_text(SECRET)
    key.chmod(0o644)
    other = place.run("true")
    paths = {
        "shadow": "/etc/shadow",
        "key": str(key),
        "other": str(other.folders.inputs / "data"),
        "store": str(place.data_dir),
        "run": "/run",
        "var": "/var",
        "home": "/home",
        "etc": "/etc/hostname",
        "stage": "/mnt",
    }
    run = place.python(
        REPORT
        + f"for name, path in {paths!r}.items():\n"
        + "    attempt(name, lambda: os.listdir(path) if os.path.isdir(path) else open(path).read())"  # noqa: E501
    )
    assert place.finish(run) == Exit(0)
    assert reported(place, run) == dict.fromkeys(paths, "FileNotFoundError")


@pytest.mark.usefixtures("as_root")
def test_each_running_algorithm_is_a_user_of_its_own_that_owns_only_its_outputs(
    place: Place,
) -> None:
    runs = [place.run("id -u > $OUTPUTS/uid; read line < $OUTPUTS/go") for _ in range(3)]
    for run in runs:
        os.mkfifo(run.folders.outputs / "go", 0o666)
        (run.folders.outputs / "go").chmod(0o666)
    handles = [place.backend.launch(run) for run in runs]
    for run in runs:
        (run.folders.outputs / "go").write_text("on\n")
    assert [place.wait(handle).code for handle in handles] == [0, 0, 0]
    uids = {int(place.output(run, "uid")) for run in runs}
    assert len(uids) == 3
    assert all(64_000 <= uid < 65_000 for uid in uids)


@pytest.mark.usefixtures("as_root")
def test_after_the_end_the_outputs_are_out_of_the_users_reach(place: Place) -> None:
    run = place.run("echo done > $OUTPUTS/done")
    place.finish(run)
    status = run.folders.outputs.stat()
    assert (status.st_uid, status.st_mode & 0o777) == (0, 0o700)


def test_it_cannot_write_outside_its_outputs(place: Place) -> None:
    places = ["/", "/data", "/data/inputs", "/data/ddos", "/data/transformations", "/data/logs"]
    places += ["/usr", "/usr/bin", "/etc", "/etc/alternatives", "/dev", "/proc/sys/kernel", "/root"]
    run = place.python(
        REPORT
        + f"for path in {places!r}:\n"
        + "    attempt(path, lambda: open(path + '/intruder', 'w').write('x'))\n"
        + "attempt('input', lambda: open('/data/inputs/data', 'a').write('x'))\n"
        + "attempt('algorithm', lambda: open(__file__, 'a').write('x'))\n"
    )
    assert place.finish(run) == Exit(0)
    refused = {"OSError", "PermissionError", "FileNotFoundError"}
    assert {path for path, found in reported(place, run).items() if found not in refused} == set()
    assert not list(place.data_dir.rglob("intruder"))


def test_it_cannot_put_a_link_in_place_of_its_log_or_outputs(place: Place) -> None:
    run = place.python(
        REPORT
        + "attempt('log', lambda: os.unlink('/data/logs/algorithm.log'))\n"
        + "attempt('over', lambda: os.symlink('/etc/passwd', '/data/logs/algorithm.log'))\n"
        + "attempt('clear', lambda: open('/data/logs/algorithm.log', 'w'))\n"
        + "attempt('move', lambda: os.rename('/data/outputs', '/data/moved'))\n"
        + "attempt('remove', lambda: os.rmdir('/data/outputs'))\n"
        + "print('kept')\n"
    )
    assert place.finish(run) == Exit(0)
    assert all("Error" in found for found in reported(place, run).values())
    assert place.log(run) == "kept\n"
    log = run.folders.logs / "algorithm.log"
    assert log.is_file()
    assert not log.is_symlink()
    assert not run.folders.outputs.is_symlink()


def test_it_cannot_hard_link_a_file_of_the_server_into_its_outputs(place: Place) -> None:
    sources = ["/data/inputs/data", "/data/transformations/algorithm", "/usr/bin/env"]
    run = place.python(
        REPORT
        + f"for path in {sources!r}:\n"
        + "    attempt(path, lambda: os.link(path, '/data/outputs/stolen'))\n"
    )
    assert place.finish(run) == Exit(0)
    assert set(reported(place, run).values()) <= {"OSError", "PermissionError"}
    assert not (run.folders.outputs / "stolen").exists()
    assert (run.folders.inputs / "data").stat().st_nlink == 1


def test_it_sees_no_process_but_its_own(place: Place) -> None:
    run = place.python(
        REPORT
        + f"attempt('kill', lambda: os.kill({os.getpid()}, 9))\n"
        + "attempt('see', lambda: max(int(p) for p in os.listdir('/proc') if p.isdigit()) < 100)\n"
    )
    assert place.finish(run) == Exit(0)
    assert reported(place, run) == {"kill": "ProcessLookupError", "see": "True"}


def test_it_cannot_make_itself_root_or_new_namespaces(place: Place) -> None:
    run = place.python(
        REPORT
        + "import ctypes\nlibc = ctypes.CDLL(None)\n"
        + "attempt('root', lambda: os.setuid(0))\n"
        + "attempt('namespace', lambda: libc.unshare(0x10000000))\n"
        + "attempt('mount', lambda: libc.mount(b'x', b'/tmp', b'tmpfs', 0, None))\n"
        + "attempt('device', lambda: os.mknod('/data/outputs/sda', 0o60660, 0x800))\n"
    )
    assert place.finish(run) == Exit(0)
    assert reported(place, run) == {
        "root": "OSError",  # there is no such user in the namespace
        "namespace": "-1",
        "mount": "-1",
        "device": "PermissionError",
    }


DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(1, 65):
            try:
                import signal; signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        while True:
            with open("/data/outputs/result", "w") as result:
                result.write("changed afterwards")
            time.sleep(0.001)
    os._exit(0)
while not os.path.exists("/data/outputs/result"):
    time.sleep(0.01)
"""


def test_a_child_left_behind_is_ended_before_the_run_is_over(place: Place) -> None:
    run = place.python(DAEMON)
    assert place.finish(run) == Exit(0)
    (run.folders.outputs / "result").write_text("as it was")
    seen = threading.Event()
    assert not seen.wait(0.1)
    assert place.output(run, "result") == "as it was"


def test_a_path_that_the_operator_adds_is_shown_read_only(tmp_path: Path, place: Place) -> None:
    extra = tmp_path / "extra"
    extra.mkdir()
    (extra / "model").write_text("weights")
    place.options = {"sandbox": "require", "bind": [str(extra)]}
    place.backend = place.another_backend()
    run = place.run(f"cat {extra}/model; echo x > {extra}/intruder")
    assert place.finish(run).code != 0
    assert place.log(run).startswith("weights")
    assert not (extra / "intruder").exists()


def test_what_bubblewrap_says_of_this_machine_is_not_for_the_consumer(place: Place) -> None:
    run = place.run("echo never")
    place.backend.check()
    (run.folders.inputs / "data").unlink()
    run.folders.inputs.rmdir()
    run.folders.inputs.symlink_to("/nowhere")
    with pytest.raises(Exception, match="supervisor did not start|No such file"):
        place.backend.launch(run)
    assert place.backend.find(place.backend.name(run.job_id, 1)) is None
    run.folders.inputs.unlink()
    run.folders.inputs.mkdir()
    assert place.finish(run) == Exit(0)


def unstartable(tmp_path: Path, place: Place) -> Run:
    """A run for which bubblewrap is to show a path that is gone."""
    extra = tmp_path / "extra"
    extra.mkdir()
    place.options = {"sandbox": "require", "bind": [str(extra)]}
    place.backend = place.another_backend()
    place.backend.check()
    extra.rmdir()
    return place.run("echo never")


def test_an_algorithm_that_cannot_be_started_at_all_is_the_backends_fault(
    tmp_path: Path, place: Place
) -> None:
    run = unstartable(tmp_path, place)
    end = place.finish(run)
    assert end.reason is ExitReason.BACKEND
    assert "could not be started" in place.log(run)
    assert str(tmp_path) not in place.log(run) + end.message
    assert str(tmp_path) in (run.folders.control / "supervisor.log").read_text()


def test_a_full_disk_does_not_hide_that_an_algorithm_could_not_be_started(
    tmp_path: Path, place: Place
) -> None:
    run = unstartable(tmp_path, place)
    (run.folders.control / "supervisor.log").symlink_to("/dev/full")
    assert place.finish(run).reason is ExitReason.BACKEND
