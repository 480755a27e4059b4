"""Putting a server together, and taking it apart."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn
from wsgiref.util import setup_testing_defaults

import pytest

from compute_ref.app import ComputeRef, create_app, is_loopback, own_url
from compute_ref.jobs.folder import StoreLocked
from compute_ref.plugins import BackendUnavailable, hookimpl
from compute_ref.plugins.registry import BackendUnknown
from compute_ref.settings import Environment, Server, Settings
from compute_ref.testing import InstantBackend
from compute_ref.testing.kit import instant_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return instant_settings(tmp_path)


def ask(app: ComputeRef, path: str = "/") -> tuple[str, bytes]:
    environ = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    told: list[str] = []
    body = b"".join(app(environ, lambda status, headers: told.append(status)))
    return told[0], body


def test_it_is_an_ordinary_wsgi_callable(settings: Settings) -> None:
    with create_app(settings, backends={"instant": InstantBackend()}) as app:
        status, body = ask(app)
        assert status.startswith("200")
        assert b"computeStart" in body


def test_nothing_runs_before_it_is_made_and_nothing_after_it_is_closed(settings: Settings) -> None:
    before = set(threading.enumerate())
    app = create_app(settings, backends={"instant": InstantBackend()})
    app.close()
    app.close()
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(20)
    assert [thread.name for thread in left if thread.is_alive()] == []


def test_an_unknown_backend_is_named_with_what_there_is_and_what_to_install(
    settings: Settings,
) -> None:
    nowhere = replace(settings, environments=(Environment("x", "cluster"),))
    with pytest.raises(BackendUnknown) as refused:
        create_app(nowhere, backends={"instant": InstantBackend()})
    text = str(refused.value)
    assert '"cluster"' in text
    assert "instant" in text
    assert "compute-ref[cluster]" in text


def test_a_start_that_fails_leaves_nothing_open(settings: Settings) -> None:
    nowhere = replace(settings, environments=(Environment("x", "cluster"),))
    for _ in range(2):
        with pytest.raises(BackendUnknown):
            create_app(nowhere)
    with create_app(settings, backends={"instant": InstantBackend()}):
        pass


def test_a_folder_has_one_server(settings: Settings) -> None:
    backends = {"instant": InstantBackend()}
    with create_app(settings, backends=backends), pytest.raises(StoreLocked):
        create_app(settings, backends=backends)


def test_a_backend_that_cannot_work_stops_the_start(settings: Settings) -> None:
    class Absent(InstantBackend):
        def check(self) -> NoReturn:
            raise BackendUnavailable("Start the thing.")

    with pytest.raises(BackendUnavailable, match="Start the thing"):
        create_app(settings, backends={"instant": Absent()})


def test_plugins_are_configured_first(settings: Settings) -> None:
    class Plugin:
        told: Mapping[str, Mapping[str, Any]] | None = None

        @hookimpl
        def configure(self, options: Mapping[str, Mapping[str, Any]]) -> None:
            self.told = options

    plugin, options = Plugin(), {"mine": {"a": 1}}
    backends = {"instant": InstantBackend()}
    with create_app(replace(settings, plugins=options), backends=backends, plugins=(plugin,)):
        assert plugin.told == options


def test_the_provider_key_is_kept_and_private(settings: Settings) -> None:
    backends = {"instant": InstantBackend()}
    with create_app(settings, backends=backends) as app:
        first = app.services.provider.address
    with create_app(settings, backends=backends) as app:
        assert app.services.provider.address == first
    key = Path(settings.server.data_dir) / "provider.key"
    assert key.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.org", False),
        ("", False),
    ],
)
def test_loopback_is_told_from_the_host(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("server", "url"),
    [
        (Server(), "http://127.0.0.1:8030"),
        (Server(host="::1"), "http://[::1]:8030"),
        (Server(public_url="https://a.example/b/"), "https://a.example/b"),
    ],
)
def test_the_servers_own_url(server: Server, url: str) -> None:
    assert own_url(Settings((), server=server)) == url
