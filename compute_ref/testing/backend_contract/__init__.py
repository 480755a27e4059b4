"""The behaviour of a backend, as tests that any backend can run.

The tests of a backend of yours, whole::

    import pytest

    from compute_ref.plugins import BackendFactory, Image
    from compute_ref.testing.backend_contract import BackendContract
    from compute_ref_slurm import SlurmBackend

    class TestSlurm(BackendContract):
        unheld = frozenset({"disk", "processes"})  # `enforced` must say "no" to these

        @pytest.fixture
        def make_backend(self) -> BackendFactory:
            return SlurmBackend  # called again for each restart of the server

        @pytest.fixture
        def image(self) -> Image:  # left out where it runs processes
            return Image("busybox", "1.36", "sha256:...")

Nothing is skipped: of what a class declares as not held, the tests demand that ``enforced`` says
so. Algorithms are written for a POSIX shell and the commands that busybox has; what else can be
declared is told at :class:`Contract`. Needs ``pip install "compute-ref[testing]"``.
"""

from compute_ref.testing.backend_contract.bench import Bench
from compute_ref.testing.backend_contract.contract import Contract
from compute_ref.testing.backend_contract.describing import Describing
from compute_ref.testing.backend_contract.isolation import Isolation
from compute_ref.testing.backend_contract.limits import HoldingLimits
from compute_ref.testing.backend_contract.removing import Removing
from compute_ref.testing.backend_contract.restarts import Restarts
from compute_ref.testing.backend_contract.running import Running
from compute_ref.testing.backend_contract.stopping import Stopping
from compute_ref.testing.backend_contract.waiting import Waiting

__all__ = ["BackendContract", "Bench", "Contract"]


class BackendContract(
    Describing, Running, Waiting, Stopping, HoldingLimits, Isolation, Restarts, Removing
):
    """All that the server relies on; subclass it under a name that begins with ``Test``."""
