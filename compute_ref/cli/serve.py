"""``compute-ref serve``."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import click

from compute_ref.configuration import ConfigurationError, load
from compute_ref.identity.keys import KeyFileUnsafe
from compute_ref.jobs.folder import StoreLocked
from compute_ref.jobs.records import StoreDamaged
from compute_ref.plugins import BackendUnavailable
from compute_ref.plugins.registry import BackendUnknown

CANNOT_START = (
    ConfigurationError,
    KeyFileUnsafe,
    StoreLocked,
    StoreDamaged,
    BackendUnavailable,
    BackendUnknown,
    ValueError,
    OSError,
)


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="The TOML file.")
@click.option("--host", help="Address to listen on (server.host).")
@click.option("--port", type=int, help="Port; 0 picks a free one (server.port).")
@click.option("--data-dir", help="Folder for the store and the jobs (server.data_dir).")
@click.option("--catalogue", help="Folder of DDOs and files (catalogue.path).")
def serve(
    config: Path | None,
    host: str | None,
    port: int | None,
    data_dir: str | None,
    catalogue: str | None,
) -> None:
    """Run the server until SIGTERM; running algorithms go on and are taken up again."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    flags = {
        "server.host": host,
        "server.port": port,
        "server.data_dir": data_dir,
        "catalogue.path": catalogue,
    }
    from compute_ref.app import create_app
    from compute_ref.serving import serve as serve_app

    try:
        settings = load(config, flags=flags)
        app = create_app(settings)
        code = serve_app(app, settings)
    except CANNOT_START as refused:
        raise click.ClickException(" ".join(str(refused).split())) from refused
    sys.stdout.flush()
    os._exit(code)  # a call that hangs in a plug-in's thread must not keep the process
