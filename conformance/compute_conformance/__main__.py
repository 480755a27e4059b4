"""The compute-conformance command, which is also ``python -m compute_conformance``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run it; without the suite's libraries, say how to have them and exit with 2."""
    try:
        from compute_conformance import cli
    except ModuleNotFoundError as missing:
        print(
            f"Error: the conformance suite needs {missing.name}, which is not installed:"
            ' pip install "compute-ref[conformance]"',
            file=sys.stderr,
        )
        sys.exit(2)
    cli.main()


if __name__ == "__main__":
    main()
