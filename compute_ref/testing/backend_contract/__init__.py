"""What every backend does, as one class of tests that yours can run too.

    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from compute_ref.plugins import Image, Site
    from compute_ref.testing.backend_contract import BackendContract
    from compute_ref_slurm import SlurmBackend


    class TestSlurm(BackendContract):
        not_held = frozenset({"disk"})  # enforced() says "no" of it

        @pytest.fixture
        def new_backend(self, data_dir: Path) -> Callable[[], SlurmBackend]:
            site = Site({"partition": "test"}, data_dir, data_dir, loopback=True)
            return lambda: SlurmBackend(site)

        @pytest.fixture
        def image(self) -> Image | None:
            return Image("busybox", "1.37", "sha256:...")

Each call of `new_backend` is a server that was restarted: a new object on the same data folder and
the same machine, daemon or cluster. `image` is for backends that run images; it needs a POSIX
``sh`` and what busybox has. :class:`Abilities` has everything else that may be declared. Nothing
is skipped: what a backend does not hold, it must say that it does not.

Each test's docstring is one promise; together they say what :class:`compute_ref.plugins.Backend`
means. They need the extra ``testing`` and, with a backend that starts a run in half a second, about
a minute.
"""

from compute_ref.testing.backend_contract.abilities import Abilities
from compute_ref.testing.backend_contract.confinement import Confinement
from compute_ref.testing.backend_contract.launching import Launching
from compute_ref.testing.backend_contract.limiting import Limiting
from compute_ref.testing.backend_contract.network import Network
from compute_ref.testing.backend_contract.removing import Removing
from compute_ref.testing.backend_contract.restarting import Restarting
from compute_ref.testing.backend_contract.running import Running
from compute_ref.testing.backend_contract.server import Server
from compute_ref.testing.backend_contract.stopping import Stopping
from compute_ref.testing.backend_contract.waiting import Waiting

__all__ = ["Abilities", "BackendContract", "Server"]


class BackendContract(
    Running,
    Launching,
    Waiting,
    Stopping,
    Removing,
    Restarting,
    Limiting,
    Confinement,
    Network,
):
    """All tests; subclass it under a name that pytest collects."""
