"""Fetches by HTTPS: the connection is to exactly the name that was asked for."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from compute_ref.assets.web import GuardedClient
from compute_ref.plugins import FileUnavailable
from tests.compute_ref.assets.conftest import DataServer, Serve
from tests.compute_ref.assets.test_web import HUSH, client, headers_of, read


@pytest.fixture
def server(serve: Serve) -> DataServer:
    return serve()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for data.example, which is its own authority."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
        f" -subj /CN=data.example -addext subjectAltName=DNS:data.example"
        f" -keyout {key} -out {cert}".split(),
        check=True,
        capture_output=True,
    )
    return key, cert


@pytest.fixture
def secure(serve: Serve, certificate: tuple[Path, Path]) -> DataServer:
    key, cert = certificate
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    server = serve(tls=tls)
    tls.sni_callback = lambda _socket, name, _context: server.names.append(name)
    server.page("/x", b"y")
    return server


def trusting(certificate: tuple[Path, Path], **options: Any) -> GuardedClient:
    tls = ssl.create_default_context(cafile=certificate[1])
    return client(tls=tls, resolver=lambda *_: ["127.0.0.1"], **options)


def test_the_certificate_and_the_name_asked_for_are_those_of_the_url(
    secure: DataServer, certificate: tuple[Path, Path]
) -> None:
    opened = trusting(certificate).open(secure.url("/x", "data.example", "https"))
    assert read(opened) == b"y"
    assert secure.names == ["data.example"]
    assert headers_of(secure.seen[0])["host"] == f"data.example:{secure.port}"


def test_a_certificate_for_another_name_is_refused(
    secure: DataServer, certificate: tuple[Path, Path]
) -> None:
    with pytest.raises(FileUnavailable, match="cannot be reached"):
        trusting(certificate).open(secure.url("/x", "else.example", "https"))
    assert secure.seen == []


def test_a_certificate_of_nobody_known_is_refused(secure: DataServer) -> None:
    with pytest.raises(FileUnavailable, match="cannot be reached"):
        client(resolver=lambda *_: ["127.0.0.1"]).open(secure.url("/x", "data.example", "https"))
    assert secure.seen == []


def test_from_https_to_http_headers_are_dropped(
    secure: DataServer, server: DataServer, certificate: tuple[Path, Path]
) -> None:
    secure.page("/x", status=302, Location=server.page("/y", b"z"))
    opened = trusting(certificate).open(secure.url("/x", "data.example", "https"), "GET", HUSH)
    assert read(opened) == b"z"
    assert "hush" not in str(server.seen)
