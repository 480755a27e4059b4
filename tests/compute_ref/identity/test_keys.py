"""Keys in memory and on disk."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from compute_ref.identity import keys
from compute_ref.identity.keys import Account, KeyFileUnsafe, provider_account, write_key

ORDER = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"


def test_the_provider_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    made = provider_account(tmp_path)
    assert provider_account(tmp_path) == made
    assert stat.S_IMODE((tmp_path / "provider.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["provider.key"]


def test_the_provider_key_is_private_under_any_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        provider_account(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "provider.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    provider_account(tmp_path)
    (tmp_path / "provider.key").chmod(mode)
    with pytest.raises(KeyFileUnsafe, match="chmod 600"):
        provider_account(tmp_path)


@pytest.mark.parametrize("content", ["", "0x12", "z" * 64, "0" * 64, ORDER, "ä" * 64])
def test_a_file_that_holds_no_key_is_refused_without_being_quoted(
    tmp_path: Path, content: str
) -> None:
    file = tmp_path / "provider.key"
    file.touch(mode=0o600)
    file.write_text(content, encoding="utf-8")
    with pytest.raises(KeyFileUnsafe, match="holds no private key") as refused:
        provider_account(tmp_path)
    assert not content or content not in str(refused.value)
    assert file.read_text(encoding="utf-8") == content


def test_a_key_of_another_length_is_none() -> None:
    with pytest.raises(ValueError, match="^a private key is 32 bytes: 64 hexadecimal digits$"):
        Account.from_hex("12" * 31)


def test_many_who_start_at_once_have_one_key(tmp_path: Path) -> None:
    made: list[Account] = []
    threads = [
        threading.Thread(target=lambda: made.append(provider_account(tmp_path))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert {account.address for account in made} == {provider_account(tmp_path).address}


def test_who_comes_second_has_the_key_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Account.create()

    def overtaken(path: Path, second: Account) -> None:
        write_key(path, first)
        write_key(path, second)

    monkeypatch.setattr(keys, "write_key", overtaken)
    assert provider_account(tmp_path) == first


def test_who_loses_its_draft_to_another_start_has_the_key_of_that_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Account.create()

    def swept(path: Path, second: Account) -> None:
        write_key(path, first)
        raise FileNotFoundError

    monkeypatch.setattr(keys, "write_key", swept)
    assert provider_account(tmp_path) == first


def test_a_draft_that_another_start_removes_first_hinders_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = Path.unlink

    def behind(path: Path, missing_ok: bool = False) -> None:
        unlink(path)
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", behind)
    account = Account.create()
    write_key(tmp_path / "provider.key", account)
    (tmp_path / ".provider.key.killed").touch()
    assert provider_account(tmp_path) == account
    assert [path.name for path in tmp_path.iterdir()] == ["provider.key"]


def test_a_crash_while_the_key_is_written_leaves_none_and_hinders_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(os, "link", crash)
        broken.setattr(Path, "unlink", crash)
        with pytest.raises(KeyboardInterrupt):
            provider_account(tmp_path)
    assert not (tmp_path / "provider.key").exists()
    assert len(list(tmp_path.iterdir())) == 1  # the draft
    assert provider_account(tmp_path) == provider_account(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["provider.key"]


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    first = Account.create()
    write_key(tmp_path / "key", first)
    with pytest.raises(FileExistsError):
        write_key(tmp_path / "key", Account.create())
    assert Account.from_hex((tmp_path / "key").read_text()) == first


def test_an_account_does_not_show_its_key() -> None:
    account = Account.create()
    assert account.private_key.hex() not in repr(account)
    assert str(account.private_key) not in repr(account)


def test_a_secret_is_bound_to_its_purpose_and_key() -> None:
    one, two = Account.create(), Account.create()
    assert one.secret_for("auth tokens") == Account(one.private_key).secret_for("auth tokens")
    assert len({one.secret_for("a"), one.secret_for("b"), two.secret_for("a")}) == 3
    assert len(one.secret_for("a")) == 32
