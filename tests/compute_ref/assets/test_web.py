"""Reading R17 against real servers on loopback: where a fetch may go, what it takes along."""

from __future__ import annotations

import gzip
import logging
import socket
import threading
import traceback
from typing import Any, NoReturn

import pytest

from compute_ref.assets import web
from compute_ref.assets.addresses import Resolver
from compute_ref.assets.web import GuardedClient, WebFiles
from compute_ref.plugins import FileUnavailable, OpenFile
from tests.compute_ref.assets.conftest import Asked, DataServer, Scripted, Serve

HUSH = {"Authorization": "Bearer hush"}


def client(timeout: float = 10, allow_private: bool = True, **options: Any) -> GuardedClient:
    return GuardedClient(timeout, allow_private=allow_private, **options)


def read(opened: OpenFile | None) -> bytes:
    assert opened is not None
    with opened.stream as stream:
        return stream.read()


def headers_of(request: Asked) -> dict[str, str]:
    return {name.lower(): text for name, text in request[2].items()}


@pytest.fixture
def server(serve: Serve) -> DataServer:
    return serve()


@pytest.fixture
def other(serve: Serve) -> DataServer:
    return serve("127.0.0.2")


@pytest.fixture
def half_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 stands for a public server, 127.0.0.2 for one inside."""
    monkeypatch.setattr(web, "globally_routable", lambda address: address == "127.0.0.1")


def test_a_file_is_opened_with_its_size_and_type(server: DataServer) -> None:
    opened = client().open(server.page("/x.csv", b"1\n2\n", Content_Type="text/csv"))
    assert (opened.size, opened.content_type) == (4, "text/csv")
    assert read(opened) == b"1\n2\n"


def test_configured_headers_and_method_are_sent(server: DataServer) -> None:
    assert read(client().open(server.page("/x", b"y"), "POST", HUSH)) == b"y"
    method, _, _ = server.seen[0]
    assert method == "POST"
    assert headers_of(server.seen[0])["authorization"] == "Bearer hush"


def test_headers_of_the_connection_are_not_the_publishers_to_set(server: DataServer) -> None:
    spoilt = {"HOST": "else.example", "accept-encoding": "gzip", "Content-Length": "9"}
    assert read(client().open(server.page("/x", b"y"), "GET", spoilt)) == b"y"
    sent = headers_of(server.seen[0])
    assert sent["host"] == f"127.0.0.1:{server.port}"
    assert sent["accept-encoding"] == "identity"
    assert "content-length" not in sent


@pytest.mark.parametrize("headers", [{"X": "a\r\nHost: b"}, {"X\n": "a"}, {"X": "☃"}])
def test_a_header_that_breaks_the_request_is_refused(
    server: DataServer, headers: dict[str, str]
) -> None:
    with pytest.raises(FileUnavailable):
        client().open(server.page("/x"), "GET", headers)
    assert server.seen == []


def test_proxy_variables_are_ignored(
    server: DataServer, other: DataServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, other.url(""))
    monkeypatch.delenv("no_proxy", raising=False)
    assert read(client().open(server.page("/x", b"y"))) == b"y"
    assert other.seen == []


# Where a fetch may go


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::ffff:7f00:1]"]
)
def test_a_private_address_is_not_connected_to_however_it_is_written(
    server: DataServer, host: str
) -> None:
    url = server.page("/x", b"y").replace("127.0.0.1", host)
    with pytest.raises(FileUnavailable, match="private address"):
        client(allow_private=False).open(url)
    assert server.seen == []


def test_a_name_with_one_private_address_is_refused_whole(server: DataServer) -> None:
    guarded = client(allow_private=False, resolver=lambda *_: ["8.8.8.8", "127.0.0.1"])
    with pytest.raises(FileUnavailable, match="private address"):
        guarded.open(server.page("/x"))


def test_those_who_mean_it_may_fetch_from_private_addresses(server: DataServer) -> None:
    assert read(client(allow_private=True).open(server.page("/x", b"y"))) == b"y"


def test_a_name_that_answers_differently_the_second_time_is_asked_once(
    serve: Serve, half_public: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, inside = serve(), serve("127.0.0.2")
    public.page("/x", b"public")
    inside.page("/x", b"inside")
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    guarded = client(allow_private=False, resolver=rebinding)
    assert read(guarded.open(public.url("/x", "data.example"))) == b"public"
    assert asked == ["data.example"]
    assert headers_of(public.seen[0])["host"] == f"data.example:{public.port}"
    assert inside.seen == []


def test_a_redirect_to_the_same_name_is_checked_anew(server: DataServer, half_public: None) -> None:
    answers = [["127.0.0.1"], ["127.0.0.2"]]
    server.page("/x", status=302, Location="/y")
    guarded = client(allow_private=False, resolver=lambda *_: answers.pop(0))
    with pytest.raises(FileUnavailable, match="private address"):
        guarded.open(server.url("/x", "data.example"))
    assert [path for _, path, _ in server.seen] == ["/x"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_a_private_address_is_not_followed(
    server: DataServer, other: DataServer, half_public: None, status: int
) -> None:
    server.page("/x", status=status, Location=other.page("/secret", b"inside"))
    with pytest.raises(FileUnavailable, match="private address"):
        client(allow_private=False).open(server.url("/x"))
    assert other.seen == []


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://[::", ""])
def test_a_redirect_to_nowhere_is_refused(server: DataServer, location: str) -> None:
    with pytest.raises(FileUnavailable):
        client().open(server.page("/x", status=302, Location=location))


def test_the_next_address_is_tried_where_one_is_not_there(server: DataServer) -> None:
    tried = client(resolver=lambda *_: ["127.0.0.3", "127.0.0.1"])
    assert read(tried.open(server.page("/x", b"y"))) == b"y"


def test_a_name_that_nobody_knows_is_told_so() -> None:
    def failing(host: str, port: int) -> NoReturn:
        raise OSError(-2, "Name or service not known", host)

    resolvers: tuple[Resolver, ...] = (failing, lambda *_: [])
    for resolver in resolvers:
        with pytest.raises(FileUnavailable, match="is not known") as refused:
            client(resolver=resolver).open("http://data.example/x")
        assert "example" not in str(refused.value)


# Redirects


def test_redirects_are_followed_five_times(server: DataServer) -> None:
    for n in range(5):
        server.page(f"/{n}", status=302, Location=f"{n + 1}")
    server.page("/5", b"there")
    assert read(client().open(server.url("/0"))) == b"there"
    server.page("/5", status=302, Location="/6")
    server.page("/6", b"too far")
    with pytest.raises(FileUnavailable, match="redirects too often"):
        client().open(server.url("/0"))
    assert all(path != "/6" for _, path, _ in server.seen)


def test_configured_headers_go_along_to_the_same_origin(server: DataServer) -> None:
    server.page("/y", b"z")
    url = server.page("/x", status=302, Location="/y")
    assert read(client().open(url, "GET", HUSH)) == b"z"
    assert headers_of(server.seen[1])["authorization"] == "Bearer hush"


def test_configured_headers_do_not_go_along_to_another_origin(
    server: DataServer, other: DataServer
) -> None:
    url = server.page("/x", status=307, Location=other.page("/y", b"z"))
    assert read(client().open(url, "GET", {**HUSH, "X-Api-Key": "hush"})) == b"z"
    assert "hush" not in str(other.seen)


def test_another_port_is_another_origin(serve: Serve) -> None:
    one, two = serve(), serve()
    url = one.page("/x", status=302, Location=two.page("/y", b"z"))
    assert read(client().open(url, "GET", HUSH)) == b"z"
    assert "hush" not in str(two.seen)


def test_headers_do_not_come_back_from_another_origin(
    server: DataServer, other: DataServer
) -> None:
    """Or else the other server could have ours ask its own server for any path, with our key."""
    server.page("/private", b"z")
    other.page("/back", status=302, Location=server.url("/private"))
    url = server.page("/x", status=302, Location=other.url("/back"))
    assert read(client().open(url, "GET", HUSH)) == b"z"
    assert "hush" not in str(server.seen[1])


def test_after_303_it_is_a_get(server: DataServer) -> None:
    server.page("/y", b"z")
    assert read(client().open(server.page("/x", status=303, Location="/y"), "POST")) == b"z"
    assert [method for method, _, _ in server.seen] == ["POST", "GET"]


# What comes back


@pytest.mark.parametrize("status", [201, 204, 206, 304, 400, 401, 404, 500])
def test_any_other_answer_is_told_by_its_number_alone(server: DataServer, status: int) -> None:
    with pytest.raises(FileUnavailable) as refused:
        client().open(server.page("/secret", status=status))
    assert str(refused.value) == f"The server of the data answered {status}."


def test_compressed_data_is_not_unpacked(server: DataServer) -> None:
    bomb = gzip.compress(b"\0" * 10**7)
    with pytest.raises(FileUnavailable, match="compressed"):
        client().open(server.page("/x", bomb, Content_Encoding="gzip"))


def test_a_length_is_what_the_server_said(server: DataServer, scripted: Scripted) -> None:
    def act(connection: socket.socket, ended: threading.Event) -> None:
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
        )

    opened = client().open(scripted(act))
    assert opened.size is None
    assert read(opened) == b"ab"


# What is said of it


def test_no_text_or_log_names_url_host_header_or_path(
    server: DataServer, scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(connection: socket.socket, ended: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nbroken\x00 header\r\nContent-Length: 3\r\n\r\n")

    caplog.set_level(logging.DEBUG)
    secret = server.url("/secret-place?key=hush")
    server.page("/secret-place?key=hush", status=404)
    https, absent = secret.replace("http:", "https:"), "http://127.0.0.3:9/secret"
    told: list[str] = []
    for url in (secret, https, absent, scripted(broken)):
        with pytest.raises(FileUnavailable) as refused:
            read(client().open(url, "GET", HUSH))
        told += traceback.format_exception(refused.value, limit=0)
    for text in (*told, caplog.text):
        assert not any(part in text for part in ("secret", "hush", "127.0.0", "Bearer"))


@pytest.mark.parametrize(
    "file",
    [
        {"type": "url"},
        {"type": "url", "url": 7},
        {"type": "url", "url": "http://127.0.0.1/", "method": "DELETE"},
        {"type": "url", "url": "http://127.0.0.1/", "headers": ["X: y"]},
        {"type": "url", "url": "http://127.0.0.1/", "headers": {"X": 1}},
    ],
)
def test_a_file_object_that_names_no_usable_url_is_refused(file: dict[str, Any]) -> None:
    with pytest.raises(FileUnavailable, match="must mend its DDO"):
        WebFiles().open_file(file, client(), None)


def test_a_file_object_is_opened_as_it_says(server: DataServer) -> None:
    url = server.page("/x", b"y")
    file = {"type": "url", "url": url, "method": "post", "headers": HUSH}
    assert read(WebFiles().open_file(file, client(), None)) == b"y"
    assert server.seen[0][0] == "POST"
    assert read(WebFiles().open_file({"type": "url", "url": url}, client(), None)) == b"y"
    assert WebFiles().open_file({"type": "file", "url": url}, client(), None) is None
