"""What a backend is told of a run."""

from compute_ref.jobs.launching import limits
from compute_ref.plugins import Limits
from compute_ref.settings import Environment


def test_a_run_may_use_what_its_environment_says() -> None:
    environment = Environment(
        "large",
        "instant",
        cpuNumber=2.5,
        gpuNumber=3,
        ramGB=0.5,
        diskGB=2,
        logMB=1,
        maxJobDuration=90,
        processes=7,
    )
    assert limits(environment) == Limits(
        cpus=2.5,
        memory=2**29,
        disk=2**31,
        log=2**20,
        seconds=90,
        processes=7,
        gpus=3,
    )
