"""Keys on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from compute_ref.identity.keys import Account, KeyFileUnsafe, provider_account


def test_the_provider_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    made = provider_account(tmp_path)
    assert provider_account(tmp_path).address == made.address
    assert (tmp_path / "provider.key").stat().st_mode & 0o777 == 0o600


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    provider_account(tmp_path)
    (tmp_path / "provider.key").chmod(0o644)
    with pytest.raises(KeyFileUnsafe, match="chmod 600"):
        provider_account(tmp_path)


def test_an_account_does_not_show_its_key() -> None:
    account = Account.create()
    assert account.private_key.hex() not in repr(account)
