"""A window on a file is a file of its own."""

from __future__ import annotations

import io
import os
from typing import Any

import pytest

from compute_ref.http.files import Window


@pytest.fixture
def window() -> Window:
    return Window(io.BytesIO(b"0123456789"), 3, 4)


def test_it_ends_where_the_part_ends(window: Window) -> None:
    assert (window.read(3), window.read(), window.read()) == (b"345", b"6", b"")


def test_places_count_from_its_own_start(window: Window) -> None:
    assert (window.seek(0, os.SEEK_END), window.tell()) == (4, 4)
    window.seek(1)
    assert (window.tell(), window.read()) == (1, b"456")
    window.seek(2)
    assert window.seek(1, os.SEEK_CUR) == 3


def test_a_server_that_takes_it_over_finds_its_length(window: Window) -> None:
    from waitress.buffers import ReadOnlyFileBasedBuffer

    file: Any = window  # it asks for a BytesIO by its types, not in fact
    buffer = ReadOnlyFileBasedBuffer(file)
    assert buffer.prepare(99) == 4
    assert buffer.get(99, skip=True) == b"3456"


def test_closing_it_closes_the_file() -> None:
    file = io.BytesIO(b"x")
    Window(file, 0, 1).close()
    assert file.closed
