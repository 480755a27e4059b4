"""The short form of each endurance test, which every run takes, and the long one.

``ENDURANCE=long`` picks the long one, ``ENDURANCE_SEED`` repeats what another run did by chance.
"""

from __future__ import annotations

import os
import random
from typing import TypeVar

T = TypeVar("T")

LONG = os.environ.get("ENDURANCE") == "long"
SEED = int(os.environ.get("ENDURANCE_SEED") or random.randrange(10**6))


def form(short: T, long: T) -> T:
    """Whichever of the two this run takes."""
    return long if LONG else short
