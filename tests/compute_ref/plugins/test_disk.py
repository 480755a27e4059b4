"""What outputs hold of the disk."""

from __future__ import annotations

from pathlib import Path

from compute_ref.plugins.disk import bytes_below


def test_what_a_tree_holds(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(bytes(10_000))
    (tmp_path / "link").symlink_to("/")
    assert bytes_below(tmp_path, 10**9) == 4096 + 12_288 + 4096
    assert bytes_below(tmp_path / "nowhere", 10**9) == 0
