"""``compute-ref serve`` with the instant backend: ``-m benchmarks.server CONFIGURATION``."""

from __future__ import annotations

import sys
from pathlib import Path

from compute_ref.app import create_app
from compute_ref.configuration import load
from compute_ref.serving import serve
from compute_ref.testing.instant import InstantBackend
from compute_ref.testing.kit import InstantPlugin


def main(configuration: str) -> int:
    """Serve until SIGTERM."""
    settings = load(Path(configuration))
    return serve(create_app(settings, plugins=[InstantPlugin(InstantBackend())]), settings)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
