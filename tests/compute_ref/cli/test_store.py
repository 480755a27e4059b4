"""``compute-ref store check``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from compute_ref.cli import main
from compute_ref.clock import Clock
from compute_ref.identity.nonces import NonceClaim
from compute_ref.jobs.compaction import JOURNAL
from compute_ref.jobs.store import Store


def check(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["store", "check", *arguments])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store that a server holds."""
    store = Store.open(tmp_path, Clock())
    store.restore("token", NonceClaim("0x" + "1" * 40, "5"))
    yield store
    store.close()


def test_a_sound_store_gives_0_while_a_server_holds_it(tmp_path: Path, store: Store) -> None:
    done = check("--data-dir", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert "1 nonces" in done.output
    assert done.output.endswith("The store is sound.\n")
    store.restore("token", NonceClaim("0x" + "1" * 40, "6"))  # nothing was taken from the server


def test_a_damaged_store_gives_1_and_the_place(tmp_path: Path, store: Store) -> None:
    store.close()
    path = tmp_path / JOURNAL
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"nonce":"5"', b'"nonce":"6"'))
    done = check("--data-dir", str(tmp_path))
    assert (done.exit_code, "Damaged from byte " in done.output) == (1, True)
    assert "Restore the file from a backup." in done.output


def test_json_is_for_scripts(tmp_path: Path, store: Store) -> None:
    report = json.loads(check("--data-dir", str(tmp_path), "--json").stdout)
    assert (report["sound"], report["damages"], report["torn"]) == (True, [], None)
    assert report["documents"] == {"nonces": 1}


def test_the_configuration_tells_the_folder(tmp_path: Path, store: Store) -> None:
    (tmp_path / "server.toml").write_text('[server]\ndata_dir = "."\n')
    assert check("--config", str(tmp_path / "server.toml")).exit_code == 0


@pytest.mark.parametrize("arguments", [("--data-dir", "nowhere"), ("--config", "nowhere.toml")])
def test_where_there_is_nothing_it_gives_2_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    done = check(*arguments)
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert list(tmp_path.iterdir()) == []
