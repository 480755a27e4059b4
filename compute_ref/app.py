"""The composition root: from settings to a WSGI application."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pluggy

from compute_ref.assets.admission import Admission
from compute_ref.assets.catalogue import Catalogue
from compute_ref.assets.fetching import Fetcher
from compute_ref.assets.web import GuardedClient, WebFiles
from compute_ref.clock import Clock
from compute_ref.http.hooks import BoundedHooks
from compute_ref.http.routes import application
from compute_ref.http.slow import PatientFetcher, SlowCalls
from compute_ref.identity.callers import Callers
from compute_ref.identity.keys import Account, provider_account
from compute_ref.identity.tokens import Tokens
from compute_ref.jobs.engine import Engine
from compute_ref.jobs.provisioning import Provisioner
from compute_ref.jobs.store import Store
from compute_ref.jobs.workspace import Workspaces
from compute_ref.plugins import Backend, Site
from compute_ref.plugins.registry import GivenBackends, make_backends, plugin_manager, site_of
from compute_ref.services import Services
from compute_ref.settings import Environment, Settings

logger = logging.getLogger("compute_ref")


class ComputeRef:
    """The server as a WSGI callable; `close` it, or use it in a ``with``.

    Closing leaves algorithms running and jobs as they are: the next server on the same data
    folder takes them up.
    """

    def __init__(self, services: Services, closing: ExitStack) -> None:
        self.services = services
        self._wsgi = application(services)
        self._closing = closing

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        return self._wsgi(environ, start_response)

    def close(self) -> None:
        """Let go of everything; twice is fine."""
        self._closing.close()

    def __enter__(self) -> ComputeRef:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def create_app(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    store: Store | None = None,
    backends: Mapping[str, Backend] | None = None,
    plugins: Sequence[object] = (),
) -> ComputeRef:
    """A server of these settings, its engine begun.

    `plugins` join the installed ones, and `backends` by name those that plug-ins offer. Raises
    StoreLocked, StoreDamaged, StoreUnavailable, KeyFileUnsafe, BackendUnknown,
    BackendUnavailable, or ValueError from a plug-in's own options; then nothing is left open.
    """
    settings = absolute(settings or Settings((Environment("local", "local"),)))
    offered = (GivenBackends(backends or {}), *plugins)
    with ExitStack() as failed:
        closing = failed.enter_context(ExitStack())
        services = _services(settings, clock or Clock(), store, offered, closing)
        app = ComputeRef(services, closing)
        services.engine.start()
        failed.pop_all()
    return app


def is_loopback(host: str) -> bool:
    """Whether a host to listen on is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def absolute(settings: Settings) -> Settings:
    """`settings` with the data folder's full path, also as the container host sees it."""
    data_dir = settings.server.data_dir.absolute()
    server = replace(
        settings.server, data_dir=data_dir, host_data_dir=settings.server.host_data_dir or data_dir
    )
    return replace(settings, server=server)


def sites(settings: Settings) -> Callable[[str], Site]:
    """What a backend is told of the server, by the backend's name."""
    server = settings.server
    host_data_dir = server.host_data_dir or server.data_dir
    return site_of(settings.backends, server.data_dir, host_data_dir, is_loopback(server.host))


def own_url(settings: Settings) -> str:
    """How this server is reached, as far as that is known without a request."""
    server = settings.server
    host = f"[{server.host}]" if ":" in server.host else server.host
    return server.public_url.rstrip("/") or f"http://{host}:{server.port}"


def _services(
    settings: Settings,
    clock: Clock,
    store: Store | None,
    plugins: Sequence[object],
    closing: ExitStack,
) -> Services:
    server = settings.server
    if store is None:
        store = Store.open(server.data_dir, clock, sync=server.sync)
    closing.callback(store.close)
    server.data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
    provider = provider_account(server.data_dir)
    builtin = (Catalogue(settings.catalogue.path), WebFiles())
    manager = plugin_manager((*builtin, *plugins))
    manager.hook.configure(options=settings.plugins)
    backends = _backends(settings, manager.hook, closing)
    tokens = _tokens(provider, clock, store, settings)
    slow = SlowCalls(server.threads)
    patience = settings.deadlines.plugin_call
    hooks = BoundedHooks(manager.hook, builtin, clock, patience, server.threads)
    fetching, web = settings.fetching, _web(settings)
    fetcher = PatientFetcher(hooks, web, fetching.max_bytes, slow, fetching.timeout)
    workspaces = Workspaces(server.data_dir, sync=server.sync)
    engine = Engine(
        store,
        backends,
        {one.id: one for one in settings.environments},
        Provisioner(Fetcher(manager.hook, web, fetching.max_bytes), own_url(settings)),
        manager.hook,
        workspaces,
        settings.deadlines,
        settings.retention,
        clock,
    )
    closing.callback(engine.close)
    return Services(
        settings=settings,
        clock=clock,
        store=store,
        callers=Callers(store, tokens, settings.identity.legacy_signatures),
        tokens=tokens,
        admission=_admission(settings, hooks, fetcher, store, backends),
        fetcher=fetcher,
        engine=engine,
        workspaces=workspaces,
        backends=backends,
        provider=provider,
        slow=slow,
    )


def _backends(
    settings: Settings, hooks: pluggy.HookRelay, closing: ExitStack
) -> dict[str, Backend]:
    made = make_backends(hooks, (one.backend for one in settings.environments), sites(settings))
    for backend in made.values():
        closing.callback(backend.close)
    for name, found in [(name, backend.check()) for name, backend in made.items()]:
        logger.info("backend %s: %s", name, found)
    return {one.id: made[one.backend] for one in settings.environments}


def _tokens(provider: Account, clock: Clock, store: Store, settings: Settings) -> Tokens:
    secret = provider.secret_for("auth tokens")
    return Tokens(secret, clock, store, settings.identity.max_token_lifetime)


def _web(settings: Settings) -> GuardedClient:
    fetching = settings.fetching
    return GuardedClient(fetching.timeout, allow_private=fetching.allow_private_urls)


def _admission(
    settings: Settings,
    hooks: BoundedHooks,
    fetcher: Fetcher,
    store: Store,
    backends: dict[str, Backend],
) -> Admission:
    return Admission(
        settings.environments,
        settings.trust,
        hooks,
        fetcher,
        store,
        lambda environment: backends[environment].runs_images,
    )
