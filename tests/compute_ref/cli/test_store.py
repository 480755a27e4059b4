"""``compute-ref store check``, and what a server says that cannot use its store."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from compute_ref.cli import main
from compute_ref.clock import Clock
from compute_ref.jobs.compaction import JOURNAL
from compute_ref.jobs.store import Store
from tests.compute_ref.jobs.builders import ROOMY, claim, job, plan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data folder of a server that accepted three jobs and was killed; `tmp_path` itself."""
    keep_jobs(Store.open(tmp_path, Clock()))
    return tmp_path


def keep_jobs(store: Store) -> None:
    for number in range(1, 4):
        order = f"0x{number}"
        store.accept(job(f"j{number}", order=order), plan(order), claim(str(number)), ROOMY)
    store.close()


def check(folder: Path, *arguments: str) -> Result:
    given = ["store", "check", "--data-dir", str(folder), *arguments]
    return CliRunner().invoke(main, given)


def damage(folder: Path, place: int) -> None:
    data = bytearray((folder / JOURNAL).read_bytes())
    data[place] ^= 1
    (folder / JOURNAL).write_bytes(data)


def records(folder: Path) -> list[int]:
    """Where each line of the file begins."""
    places, offset = [], 0
    for line in (folder / JOURNAL).read_bytes().splitlines(keepends=True):
        places.append(offset)
        offset += len(line)
    return places


def test_a_sound_store_is_exit_code_0(folder: Path) -> None:
    done = check(folder)
    assert done.exit_code == 0, done.output
    assert "3 jobs, 1 nonces, 3 orders, 3 plans" in done.stdout
    assert done.stdout.endswith("The store is sound.\n")


def test_an_unfinished_end_is_told_and_exit_code_0(folder: Path) -> None:
    data = (folder / JOURNAL).read_bytes()
    (folder / JOURNAL).write_bytes(data[:-5])
    done = check(folder)
    assert done.exit_code == 0, done.output
    assert f"from byte {records(folder)[-1]} on, is an unfinished record" in done.stdout
    assert (folder / JOURNAL).read_bytes() == data[:-5], "a look changes nothing"


def test_damage_in_the_middle_is_told_with_its_place_and_exit_code_1(folder: Path) -> None:
    places = records(folder)
    damage(folder, places[2] + 30)
    done = check(folder)
    assert done.exit_code == 1
    assert f"Damaged from byte {places[2]} up to byte {places[3]}." in done.stdout
    assert "Restore the file from a backup" in done.stdout


@pytest.mark.parametrize("content", [b"hello\n", b"x" * 1_000])
def test_another_file_in_its_place_is_exit_code_1(tmp_path: Path, content: bytes) -> None:
    (tmp_path / JOURNAL).write_bytes(content)
    done = check(tmp_path)
    assert done.exit_code == 1
    assert "The file cannot be used" in done.stdout


@pytest.mark.parametrize("name", [".", "none", "file/beneath"])
def test_where_there_is_no_store_is_exit_code_2_and_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    done = check(tmp_path / name)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"Error: {tmp_path / name}/{JOURNAL}: ")
    assert done.stderr.endswith("name the server's folder with --data-dir\n")
    assert done.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"], "nothing is made"


def test_a_file_that_cannot_be_read_is_exit_code_2_and_named(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).symlink_to("/proc/self/mem")  # opens, and fails to read
    done = check(tmp_path)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"Error: {tmp_path / JOURNAL}: Input/output error")


def test_wrong_usage_is_exit_code_2(tmp_path: Path) -> None:
    assert check(tmp_path, "--nonsense").exit_code == 2
    (tmp_path / "server.toml").write_text("[server]\nunknown = 1\n")
    done = check(tmp_path, "--config", str(tmp_path / "server.toml"))
    assert done.exit_code == 2
    assert "unknown" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_folder_may_come_from_the_servers_configuration(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("configuration")
    (elsewhere / "server.toml").write_text(f'[server]\ndata_dir = "{folder}"\n')
    done = CliRunner().invoke(main, ["store", "check", "--config", str(elsewhere / "server.toml")])
    assert done.exit_code == 0, done.output
    monkeypatch.setenv("COMPUTE_REF_SERVER_DATA_DIR", str(folder))
    assert CliRunner().invoke(main, ["store", "check"]).stdout == done.stdout


def test_json_tells_the_same_to_scripts(folder: Path) -> None:
    places = records(folder)
    size = (folder / JOURNAL).stat().st_size
    done = check(folder, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {
        "path": str(folder / JOURNAL),
        "size": size,
        "records": 4,
        "documents": {"jobs": 3, "nonces": 1, "orders": 3, "plans": 3},
        "damages": [],
        "torn": None,
        "header": "",
        "sound": True,
    }
    damage(folder, places[1] + 30)
    with (folder / JOURNAL).open("ab") as file:
        file.write(b"torn")
    done = check(folder, "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["sound"] is False
    assert told["damages"] == [{"offset": places[1], "end": places[2]}]
    assert told["torn"] == {"offset": size, "end": size + 4}


def test_it_may_be_called_while_a_server_has_the_folder(folder: Path) -> None:
    store = Store.open(folder, Clock())
    store.accept(job("j4", order="0x4"), plan("0x4"), claim("4"), ROOMY)
    done = subprocess.run(
        [sys.executable, "-m", "compute_ref", "store", "check", "--data-dir", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "4 jobs" in done.stdout
    assert store.get("j4") == job("j4", order="0x4")
    store.close()


def serve(folder: Path, most: int = resource.RLIM_INFINITY) -> subprocess.CompletedProcess[str]:
    """A server on a folder that it cannot use; no file may grow beyond `most` bytes."""
    return subprocess.run(
        [sys.executable, "-m", "compute_ref", "serve", "--port", "0", "--data-dir", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
    )


def test_a_server_refuses_a_damaged_store_in_one_line_that_says_what_to_do(folder: Path) -> None:
    places = records(folder)
    damage(folder, places[2] + 30)
    done = serve(folder)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"Error: {folder / JOURNAL}: the store is damaged at byte {places[2]}"
        " and has sound records after that."
        " Restore the file from a backup, or look at it with: compute-ref store check"
    )


def test_a_server_whose_store_cannot_be_written_says_so_in_one_line(tmp_path: Path) -> None:
    done = serve(tmp_path, most=50)  # enough for the lock, and not for a store
    assert done.returncode == 1
    assert "The store could not be written: File too large" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: The server cannot store changes now.")
    assert "Traceback" not in done.stderr
