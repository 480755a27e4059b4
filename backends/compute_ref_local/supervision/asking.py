"""Whether the run was asked to end."""

from __future__ import annotations

from .processes import read


def stop_grace(path: str) -> float | None:
    """Seconds of grace where a stop was asked for, else None."""
    try:
        return float(read(path))
    except ValueError:
        return None
