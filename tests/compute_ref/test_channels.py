"""Answers go out as far as the socket takes them at once; the loop sends the rest, in order."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from typing import cast

import pytest
from waitress.adjustments import Adjustments
from waitress.channel import ClientDisconnected
from waitress.server import BaseWSGIServer

from compute_ref.channels import Channel, Parser

MORE_THAN_A_SOCKET_TAKES = bytes(range(256)) * 2**15


class Loop:
    """What a channel needs of its server, and how often it was woken."""

    def __init__(self) -> None:
        self.adj = Adjustments(log_socket_errors=False)
        self.active_channels: dict[int, Channel] = {}
        self.woken = 0

    def pull_trigger(self) -> None:
        self.woken += 1


class Watched(Channel):
    """Notes whether the loop would turn for it while it sends; can fail to."""

    turned: list[bool]
    failing = False

    def send(self, data: bytes, do_close: bool = True) -> int:
        if self.failing:
            raise OSError(errno.ETIMEDOUT, "the peer does not answer")
        self.turned.append(bool(self.writable()))
        return int(super().send(data, do_close))


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def channel(loop: Loop, ends: tuple[socket.socket, socket.socket]) -> Iterator[Watched]:
    server = cast(BaseWSGIServer, loop)
    made = Watched(server, ends[0], ("127.0.0.1", 1), loop.adj, map={})
    made.turned = []
    made.requests = [Parser(loop.adj)]  # an answer is written while its request is worked on
    yield made
    made.handle_close()


def test_the_loop_has_nothing_to_do_while_an_answer_is_sent(
    channel: Watched, loop: Loop, ends: tuple[socket.socket, socket.socket]
) -> None:
    assert channel.write_soon(b"an answer") == 9
    assert channel.turned == [False]
    assert loop.woken == 0
    assert not channel.writable()
    assert ends[1].recv(100) == b"an answer"


def test_what_the_socket_does_not_take_is_sent_later_and_in_order(
    channel: Watched, loop: Loop, ends: tuple[socket.socket, socket.socket]
) -> None:
    said = MORE_THAN_A_SOCKET_TAKES
    assert channel.write_soon(said) == len(said)
    channel.write_soon(b"the end")
    assert loop.woken
    heard = b""
    while channel.writable():
        heard += ends[1].recv(2**20)
        channel.handle_write()
    ends[0].shutdown(socket.SHUT_WR)
    while more := ends[1].recv(2**20):
        heard += more
    assert heard == said + b"the end"


def test_a_client_that_is_gone_wakes_the_loop_which_ends_the_connection(
    channel: Watched, loop: Loop, ends: tuple[socket.socket, socket.socket]
) -> None:
    ends[1].close()
    channel.write_soon(b"an answer")
    assert loop.woken
    assert channel.writable()
    channel.handle_write()
    assert not channel.connected


def test_a_connection_that_fails_is_to_be_closed(channel: Watched, loop: Loop) -> None:
    channel.failing = True
    channel.write_soon(b"an answer")
    assert channel.will_close
    assert loop.woken


def test_nothing_is_sent_on_a_connection_that_is_closed(channel: Watched) -> None:
    channel.handle_close()
    with pytest.raises(ClientDisconnected):
        channel.write_soon(b"an answer")
    assert channel.turned == []
