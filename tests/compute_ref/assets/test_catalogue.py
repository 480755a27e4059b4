"""A folder of documents, looked at while it changes."""

from __future__ import annotations

import errno
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from compute_ref.assets import catalogue as module
from compute_ref.assets.catalogue import LARGEST, Catalogue
from compute_ref.assets.ddo import Ddo
from compute_ref.plugins import FileUnavailable
from tests.compute_ref.assets.conftest import NoWeb

A, B = "did:op:" + "a" * 64, "did:op:" + "b" * 64


def document(did: str = A, name: str = "first") -> dict[str, Any]:
    services = [{"id": "use", "type": "access", "files": [{"type": "file", "path": "x"}]}]
    return {"id": did, "metadata": {"name": name}, "services": services}


def put(folder: Path, file: str, content: str | dict[str, Any]) -> None:
    (folder / file).write_text(content if isinstance(content, str) else json.dumps(content))


def name_of(found: Ddo | None) -> Any:
    return found and found["metadata"]["name"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(tmp_path, "a.json", document())
    return tmp_path


@pytest.fixture
def catalogue(folder: Path) -> Catalogue:
    return Catalogue(folder)


@pytest.fixture(autouse=True)
def warnings(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING)
    return caplog


def settle(folder: Path) -> None:
    """Give everything time stamps of long ago."""
    for path in (*folder.iterdir(), folder):
        os.utime(path, (1_000_000_000, 1_000_000_000))


def test_a_document_is_found_by_its_did(catalogue: Catalogue) -> None:
    assert catalogue.resolve_did(A) == document()
    assert catalogue.resolve_did(B) is None
    assert catalogue.resolve_did("a") is None


def test_a_new_document_is_seen(catalogue: Catalogue, folder: Path) -> None:
    assert catalogue.resolve_did(B) is None
    put(folder, "b.json", document(B))
    assert catalogue.resolve_did(B) == document(B)


def test_a_changed_document_is_seen(catalogue: Catalogue, folder: Path) -> None:
    for name in ("other", "third", "fourt"):  # of one length, within one tick of the clock
        put(folder, "a.json", document(name=name))
        assert name_of(catalogue.resolve_did(A)) == name


def test_a_replaced_document_is_seen(catalogue: Catalogue, folder: Path) -> None:
    assert catalogue.resolve_did(A)
    put(folder, "new", document(name="other"))
    (folder / "new").rename(folder / "a.json")
    assert name_of(catalogue.resolve_did(A)) == "other"


def test_a_removed_document_is_gone(catalogue: Catalogue, folder: Path) -> None:
    assert catalogue.resolve_did(A)
    (folder / "a.json").unlink()
    assert catalogue.resolve_did(A) is None


def test_a_document_that_changes_its_did_is_found_by_the_new_one(
    catalogue: Catalogue, folder: Path
) -> None:
    assert catalogue.resolve_did(A)
    put(folder, "a.json", document(B))
    assert catalogue.resolve_did(A) is None
    assert name_of(catalogue.resolve_did(B)) == "first"


def test_an_unchanged_document_is_not_read_again_nor_its_neighbours(
    catalogue: Catalogue, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "b.json", document(B))
    monkeypatch.setattr(module, "SETTLED", 0)
    assert catalogue.resolve_did(A)
    looked: list[int] = []
    monkeypatch.setattr(catalogue, "_look", lambda: looked.append(1))
    assert all(catalogue.resolve_did(A) for _ in range(10))
    assert looked == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "it is not JSON"),
        ("\udcff", "it is not JSON"),
        ("[1]", "a DDO is a JSON object"),
        ('{"id": "did:op:1"}', "id must be did:op: and 64"),
        (json.dumps({**document(B), "x": float("inf")}), "it must be JSON"),
        ('{"x": "' + "y" * LARGEST + '"}', "at most"),
    ],
)
def test_a_broken_document_is_named_and_left_out(
    catalogue: Catalogue,
    folder: Path,
    warnings: pytest.LogCaptureFixture,
    content: str,
    problem: str,
) -> None:
    (folder / "broken.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert catalogue.documents() == {A: document()}
    assert "broken.json is left out of the catalogue: " in warnings.text
    assert problem in warnings.text
    assert str(folder) not in warnings.text


def test_a_broken_document_is_named_once(
    catalogue: Catalogue, folder: Path, warnings: pytest.LogCaptureFixture
) -> None:
    put(folder, "broken.json", "{")
    for _ in range(3):
        assert catalogue.resolve_did(B) is None
    assert warnings.text.count("broken.json") == 1


def test_a_mended_document_is_seen(catalogue: Catalogue, folder: Path) -> None:
    put(folder, "b.json", json.dumps(document(B))[:-1])
    assert catalogue.resolve_did(B) is None
    put(folder, "b.json", document(B))
    assert catalogue.resolve_did(B)


def test_of_two_documents_with_one_id_the_first_by_file_name_counts(
    catalogue: Catalogue, folder: Path, warnings: pytest.LogCaptureFixture
) -> None:
    put(folder, "b.json", document(name="second"))
    for _ in range(3):
        assert list(catalogue.documents()) == [A]
        assert name_of(catalogue.resolve_did(A)) == "first"
    assert warnings.text.count("b.json is left out of the catalogue: a.json has the same id") == 1
    put(folder, "0.json", document(name="zeroth"))
    assert name_of(catalogue.resolve_did(A)) == "zeroth"
    (folder / "0.json").unlink()
    (folder / "a.json").unlink()
    assert name_of(catalogue.resolve_did(A)) == "second"


def test_a_pipe_among_the_documents_is_left_out_and_not_waited_for(
    catalogue: Catalogue, folder: Path, warnings: pytest.LogCaptureFixture
) -> None:
    os.mkfifo(folder / "pipe.json")
    assert list(catalogue.documents()) == [A]
    assert "pipe.json is left out of the catalogue: it is not a regular file" in warnings.text


def test_a_folder_named_like_a_document_is_left_out(
    catalogue: Catalogue, folder: Path, warnings: pytest.LogCaptureFixture
) -> None:
    (folder / "x.json").mkdir()
    assert list(catalogue.documents()) == [A]
    assert "x.json" in warnings.text


def test_a_folder_that_is_not_there_has_no_documents(tmp_path: Path) -> None:
    assert Catalogue(tmp_path / "nowhere").resolve_did(A) is None


def test_a_file_is_opened_with_its_size_and_type(catalogue: Catalogue, folder: Path) -> None:
    put(folder, "numbers.csv", "1\n2\n")
    opened = catalogue.open_file({"type": "file", "path": "numbers.csv"}, NoWeb(), None)
    assert opened is not None
    with opened.stream as stream:
        assert stream.read() == b"1\n2\n"
    assert (opened.size, opened.content_type) == (4, "text/csv")


def test_a_compressed_file_is_not_said_to_be_what_is_in_it(
    catalogue: Catalogue, folder: Path
) -> None:
    put(folder, "numbers.csv.gz", "x")
    opened = catalogue.open_file({"type": "file", "path": "numbers.csv.gz"}, NoWeb(), None)
    assert opened is not None
    opened.stream.close()
    assert opened.content_type is None


def test_files_of_other_types_are_left_to_others(catalogue: Catalogue) -> None:
    assert catalogue.open_file({"type": "url", "path": "a.json"}, NoWeb(), None) is None


def test_a_file_outside_is_not_opened(catalogue: Catalogue) -> None:
    with pytest.raises(FileUnavailable):
        catalogue.open_file({"type": "file", "path": "../x"}, NoWeb(), None)


def test_a_file_that_could_not_be_opened_for_want_of_descriptors_is_read_the_next_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(folder)
    catalogue = Catalogue(folder)

    def none_left(*_: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", none_left)
        with pytest.raises(OSError, match="Too many open files"):
            catalogue.resolve_did(A)
    assert catalogue.resolve_did(A) == document()
