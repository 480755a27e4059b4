"""The parts of one server, as the calls use them; ``app.py`` puts them together."""

from __future__ import annotations

from dataclasses import dataclass

from compute_ref.assets.admission import Admission
from compute_ref.assets.fetching import Fetcher
from compute_ref.clock import Clock
from compute_ref.http.slow import SlowCalls
from compute_ref.identity.callers import Callers
from compute_ref.identity.keys import Account
from compute_ref.identity.tokens import Tokens
from compute_ref.jobs.engine import Engine
from compute_ref.jobs.store import Store
from compute_ref.jobs.workspace import Workspaces
from compute_ref.plugins import Backend
from compute_ref.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """What the calls of one server share; `backends` by environment id."""

    settings: Settings
    clock: Clock
    store: Store
    callers: Callers
    tokens: Tokens
    admission: Admission
    fetcher: Fetcher
    engine: Engine
    workspaces: Workspaces
    backends: dict[str, Backend]
    provider: Account
    slow: SlowCalls
