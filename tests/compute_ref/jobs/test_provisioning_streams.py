"""Files that plug-ins open, copied by the quickest way that takes all of each."""

from __future__ import annotations

import gzip
import io
import subprocess
import threading
from typing import Any, BinaryIO, NoReturn

import pytest

from compute_ref.assets.cancellation import Cancellation
from compute_ref.assets.fetching import Fetcher
from compute_ref.jobs import copies
from compute_ref.jobs.provisioning import Cancelled, DataFailed
from compute_ref.plugins import FileUnavailable, OpenFile
from tests.compute_ref.jobs.provided import CSV, Place, dataset, file


def test_a_stream_on_top_of_a_file_is_read_and_not_copied(place: Place) -> None:
    """A GzipFile has the descriptor of the compressed file."""
    packed = place.catalogue / "numbers.gz"
    packed.write_bytes(gzip.compress(CSV))
    place.streams.act = lambda: gzip.open(packed)  # noqa: SIM115 - the provisioner closes it
    folders = place.provision(dataset({"type": "stream"}))
    assert (folders.inputs / ("a" * 64) / "0").read_bytes() == CSV


def test_an_open_file_of_a_plugin_is_copied_from_its_start(place: Place) -> None:
    def peeked() -> BinaryIO:
        stream = (place.catalogue / "numbers.csv").open("rb")
        stream.peek(1)
        return stream

    place.streams.act = peeked
    folders = place.provision(dataset({"type": "stream"}))
    assert (folders.inputs / ("a" * 64) / "0").read_bytes() == CSV


def test_a_stream_that_was_read_from_is_taken_from_there(place: Place) -> None:
    def begun() -> BinaryIO:
        stream = (place.catalogue / "numbers.csv").open("rb")
        stream.read(1)
        return stream

    place.streams.act = begun
    folders = place.provision(dataset({"type": "stream"}))
    assert (folders.inputs / ("a" * 64) / "0").read_bytes() == CSV[1:]


def test_an_ordinary_file_is_copied_by_the_kernel(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "_by_hand", None)
    folders = place.provision(dataset(file("numbers.csv")))
    assert (folders.inputs / ("a" * 64) / "0").read_bytes() == CSV


def test_a_cancelled_fetch_ends_between_two_pieces(place: Place) -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            place.cancel.set()
            return b"x" * 10

    place.streams.act = Endless
    with pytest.raises(Cancelled):
        place.provision(dataset({"type": "stream"}))


def test_nothing_more_is_opened_once_it_is_cancelled(place: Place) -> None:
    place.cancel.set()
    with pytest.raises(Cancelled):
        place.provision(dataset({"type": "stream"}))
    assert place.streams.userdata == []


def test_a_plugins_own_refusal_reaches_the_consumer(place: Place) -> None:
    def refused() -> NoReturn:
        raise FileUnavailable("The archive is closed on Sundays.")

    place.streams.act = refused
    with pytest.raises(DataFailed, match="closed on Sundays"):
        place.provision(dataset({"type": "stream"}))


def test_a_stream_that_cannot_be_wound_back_is_read(place: Place) -> None:
    """What a command prints, for example."""
    command = ["cat", str(place.catalogue / "numbers.csv")]

    def printed() -> BinaryIO:
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        threading.Thread(target=process.wait).start()
        assert process.stdout is not None
        return process.stdout  # type: ignore[return-value]

    place.streams.act = printed
    folders = place.provision(dataset({"type": "stream"}))
    assert (folders.inputs / ("a" * 64) / "0").read_bytes() == CSV


def test_a_fetch_can_be_cancelled_while_its_file_is_opened(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Cancellation | None] = []
    opening = Fetcher.open

    def opened(*about: Any, cancel: Cancellation | None = None) -> OpenFile:
        told.append(cancel)
        return opening(*about)

    monkeypatch.setattr(Fetcher, "open", opened)
    place.provision(dataset(file("numbers.csv")))
    assert told == [place.cancel]
