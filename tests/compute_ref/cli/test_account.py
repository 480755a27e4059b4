from __future__ import annotations

import json
import stat
from pathlib import Path

from click.testing import CliRunner, Result

from compute_ref.cli import main
from compute_ref.identity.keys import Account


def new(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["account", "new", *arguments])


def test_a_new_account_is_shown_with_its_key() -> None:
    shown = json.loads(new("--json").stdout)
    assert Account.from_hex(shown["privateKey"]).address == shown["address"]
    assert new().stdout.splitlines()[1].startswith("privateKey: 0x")


def test_a_key_that_goes_to_a_file_is_its_owners_only_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "account.key"
    done = new("--json", "--output", str(file))
    assert done.exit_code == 0, done.output
    account = Account.from_hex(file.read_text())
    assert json.loads(done.stdout) == {"address": account.address, "keyFile": str(file)}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["account.key"]


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "account.key"
    file.write_text("mine")
    done = new("--output", str(file))
    assert (done.exit_code, done.stdout, file.read_text()) == (1, "", "mine")
    assert done.stderr == f"Error: {file} cannot be written: File exists; name another file\n"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "none" / "account.key"
    done = new("--output", str(file))
    assert (done.exit_code, done.stdout) == (1, "")
    text = f"{file} cannot be written: No such file or directory; name another file"
    assert done.stderr == f"Error: {text}\n"
