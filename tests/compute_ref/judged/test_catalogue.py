"""The shipped documents are the ones that the suite asks for, to the byte."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from compute_conformance.cli import main
from compute_ref.judged.catalogue import SHIPPED


def test_they_are_what_the_suite_writes(tmp_path: Path) -> None:
    CliRunner().invoke(main, ["assets", str(tmp_path)], catch_exceptions=False)
    written, shipped = contents(tmp_path), contents(SHIPPED)
    assert written == shipped, (
        "write them anew: compute-conformance assets compute_ref/judged/assets"
    )
    assert "open.json" in written


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
