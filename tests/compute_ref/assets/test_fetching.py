from __future__ import annotations

import hashlib
import io
from typing import Any, BinaryIO

import pluggy
import pytest

from compute_ref.assets.fetching import Fetcher, chunks
from compute_ref.plugins import (
    FileObject,
    FileUnavailable,
    OpenFile,
    WebClient,
    hookimpl,
    hookspecs,
)
from tests.compute_ref.assets.conftest import NoWeb


class Broken(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError(5, "Input/output error", "/srv/secret/place")


class Things:
    """A plug-in whose files are spelled out in the file object."""

    def __init__(self) -> None:
        self.streams: list[BinaryIO] = []
        self.userdata: list[Any] = []

    @hookimpl
    def open_file(self, file: FileObject, web: WebClient, userdata: Any) -> OpenFile | None:
        if file["type"] != "thing":
            return None
        if "refuse" in file:
            raise FileUnavailable(file["refuse"])
        self.userdata.append(userdata)
        stream: BinaryIO = Broken() if file.get("broken") else io.BytesIO(file["text"].encode())
        self.streams.append(stream)
        return OpenFile(stream, file.get("size"), file.get("kind"))


@pytest.fixture
def things() -> Things:
    return Things()


@pytest.fixture
def fetcher(things: Things) -> Fetcher:
    plugins = pluggy.PluginManager("compute_ref")
    plugins.add_hookspecs(hookspecs)
    plugins.register(things)
    return Fetcher(plugins.hook, web=NoWeb(), most_bytes=10)


def thing(text: str = "abc", **more: Any) -> dict[str, Any]:
    return {"type": "thing", "text": text, **more}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_plugin_opens_the_file_and_is_told_the_userdata(fetcher: Fetcher, things: Things) -> None:
    opened = fetcher.open(thing("hello"), {"year": 2007})
    assert opened.stream.read() == b"hello"
    assert things.userdata == [{"year": 2007}]


def test_a_type_that_nobody_opens_is_unavailable(fetcher: Fetcher) -> None:
    with pytest.raises(FileUnavailable, match="No plug-in"):
        fetcher.open({"type": "ipfs", "hash": "Qm"})


def test_a_file_that_says_it_is_too_large_is_not_read(fetcher: Fetcher, things: Things) -> None:
    with pytest.raises(FileUnavailable, match="larger than this server fetches"):
        fetcher.open(thing(size=11))
    assert things.streams[0].closed


def test_a_file_that_turns_out_too_large_is_read_no_further() -> None:
    with pytest.raises(FileUnavailable, match="larger than this server fetches"):
        list(chunks(io.BytesIO(b"x" * 11), 10))
    assert b"".join(chunks(io.BytesIO(b"x" * 10), 10)) == b"x" * 10


def test_a_stream_that_breaks_is_unavailable_and_names_no_place(fetcher: Fetcher) -> None:
    with pytest.raises(FileUnavailable) as failed:
        list(chunks(Broken(), 10))
    assert "secret" not in str(failed.value)
    assert failed.value.__suppress_context__


def test_the_checksum_of_several_files_is_theirs_joined_in_order(fetcher: Fetcher) -> None:
    assert fetcher.checksum([thing("a"), thing("b")]) == sha256("a") + sha256("b")
    assert fetcher.checksum([thing("b"), thing("a")]) == sha256("b") + sha256("a")


def test_the_checksum_of_a_file_that_cannot_be_had_is_unavailable(
    fetcher: Fetcher, things: Things
) -> None:
    for wrong in (thing(refuse="Gone."), thing("x" * 11), thing(broken=True)):
        with pytest.raises(FileUnavailable):
            fetcher.checksum([thing(), wrong])
    assert all(stream.closed for stream in things.streams)


def test_info_tells_type_and_length_as_text(fetcher: Fetcher, things: Things) -> None:
    told = fetcher.info([thing(size=3, kind="text/csv"), thing()])
    assert told == [
        {"index": 0, "valid": True, "contentType": "text/csv", "contentLength": "3"},
        {
            "index": 1,
            "valid": True,
            "contentType": "application/octet-stream",
            "contentLength": "",
        },
    ]
    assert all(stream.closed for stream in things.streams)


def test_info_hashes_only_when_asked(fetcher: Fetcher) -> None:
    assert "checksum" not in fetcher.info([thing()])[0]
    assert fetcher.info([thing()], checksum=True)[0]["checksum"] == sha256("abc")


@pytest.mark.parametrize(
    "wrong", [thing(refuse="Gone."), {"type": "ipfs"}, thing(size=11), thing(size=3, broken=True)]
)
def test_a_file_that_cannot_be_had_is_not_valid(fetcher: Fetcher, wrong: dict[str, Any]) -> None:
    told = fetcher.info([thing(), wrong], checksum=True)
    assert [entry["valid"] for entry in told] == [True, False]
    assert told[1] == {"index": 1, "valid": False, "contentType": "", "contentLength": ""}


def test_info_keeps_to_a_smaller_limit(fetcher: Fetcher) -> None:
    told = fetcher.info([thing("abc"), thing("abcd", size=4)], checksum=True, most_bytes=3)
    assert [entry["valid"] for entry in told] == [True, False]


def test_what_trickles_in_is_handed_on_as_it_comes() -> None:
    """So that whoever reads can stop between two bytes of a slow server."""

    class Trickling(io.RawIOBase):
        received = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            self.received += 1
            buffer[:1] = b"x"
            return 1

    trickling = Trickling()
    assert next(chunks(io.BufferedReader(trickling), 2**21)) == b"x"
    assert trickling.received == 1
