"""``compute-ref serve``."""

from __future__ import annotations

import logging
import os
import re
import resource
import sys
from dataclasses import replace
from pathlib import Path
from socket import socket
from typing import Final

import click

from compute_ref.app import ComputeRef, create_app
from compute_ref.configuration import ConfigurationError, Given, gather
from compute_ref.identity.keys import KeyFileUnsafe
from compute_ref.jobs.compaction import JOURNAL
from compute_ref.jobs.folder import StoreLocked
from compute_ref.jobs.records import StoreDamaged
from compute_ref.judged.profile import create_judged
from compute_ref.plugins import BackendUnavailable
from compute_ref.plugins.control import write
from compute_ref.plugins.registry import BackendUnknown, OptionRefused
from compute_ref.refusals import StoreUnavailable
from compute_ref.serving import CannotListen, listen
from compute_ref.serving import serve as serve_app
from compute_ref.settings import Settings

CANNOT_START: Final = (
    ConfigurationError,
    CannotListen,
    KeyFileUnsafe,
    StoreLocked,
    StoreDamaged,
    StoreUnavailable,
    BackendUnavailable,
    BackendUnknown,
    ValueError,
    OSError,
)
KEY: Final = re.compile(r"\w+(?:\.\w+)+")
OPEN_FILES: Final = 8_192  # connections, and what each of them may be sending


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="The TOML file.")
@click.option("--host", help="Address to listen on (server.host).")
@click.option("--port", type=int, help="Port; 0 picks a free one (server.port).")
@click.option("--data-dir", help="Folder for the store and the jobs (server.data_dir).")
@click.option("--catalogue", help="Folder of DDOs and files (catalogue.path).")
@click.option(
    "--conformance-profile",
    "profile",
    type=click.Path(path_type=Path),
    help="Write there what compute-conformance must know, and serve the assets that it asks for.",
)
def serve(
    config: Path | None,
    host: str | None,
    port: int | None,
    data_dir: str | None,
    catalogue: str | None,
    profile: Path | None,
) -> None:
    """Run the server until SIGTERM; running algorithms go on and are taken up again."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    allow_open_files()
    flags = {
        "server.host": host,
        "server.port": port,
        "server.data_dir": data_dir,
        "catalogue.path": catalogue,
    }
    try:
        app, settings, listening = begin(gather(config, flags=flags), profile)
    except CANNOT_START as refused:
        raise click.ClickException(one_line(refused)) from refused
    code = serve_app(app, settings, listening)
    sys.stdout.flush()
    os._exit(code)  # a call that hangs in a plug-in's thread must not keep the process


def begin(given: Given, profile: Path | None = None) -> tuple[ComputeRef, Settings, socket]:
    """The application, its settings, and where it listens; or one of CANNOT_START.

    Where a `profile` for a conformance suite is wanted, it is written.
    """
    settings = given.settings()
    listening = listen(settings.server)
    server = replace(settings.server, port=listening.getsockname()[1])
    settings = replace(settings, server=server)
    try:
        return _made(settings, profile), settings, listening
    except BackendUnknown as unknown:
        place = [one.backend for one in settings.environments].index(unknown.name)
        raise given.error(f"environments[{place}].backend", str(unknown)) from unknown
    except OptionRefused as refused:
        key, _, mend = str(refused).partition(": ")
        raise given.error(key, mend) from refused
    except BackendUnavailable as unusable:
        text = str(unusable)  # which may be about a key that was set
        keys = (key for key in KEY.findall(text) if key in given.sources)
        if named := next(keys, None):
            raise given.error(named, text) from unusable
        raise
    except StoreDamaged as damaged:
        raise ConfigurationError(f"{server.data_dir / JOURNAL}: {damaged}") from damaged
    except OSError as failed:
        if not Path(str(failed.filename)).is_relative_to(server.data_dir.absolute()):
            raise
        mend = f"{one_line(failed)}; name a folder that this user may write to"
        raise given.error("server.data_dir", mend) from failed


def _made(settings: Settings, profile: Path | None) -> ComputeRef:
    if profile is None:
        return create_app(settings)
    app, text = create_judged(settings)
    try:
        write(profile, text)
    except OSError:
        app.close()
        raise
    return app


def one_line(refused: Exception) -> str:
    """What keeps the server from starting, on one line."""
    text = str(refused)
    if isinstance(refused, OSError) and refused.filename is not None:
        text = f"{refused.filename}: {refused.strerror}"
    return " ".join(text.split())


def allow_open_files() -> None:
    """Raise this process's limit of open files, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
