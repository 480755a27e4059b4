"""How a run ended, in the words that its consumer reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from compute_ref.jobs.messages import plain
from compute_ref.jobs.model import FinishReason, Job, StopRequest
from compute_ref.plugins import Exit, ExitReason

COMPLETED: Final = "The algorithm ended by itself with exit code 0."
STOPPED: Final = "The job was stopped on request. Start it again if you need its results."
LOST: Final = (
    "The algorithm was running when the server or its machine went down, and neither it nor its"
    " exit code is left. Restart the job."
)
TIMEOUT: Final = (
    "The algorithm was ended because it ran longer than the environment's maxJobDuration."
    " Make it shorter, or choose an environment that allows more time."
)
#: exits of which nothing may be collected: the run may have been cut anywhere, or still be alive
UNSOUND: Final = frozenset({ExitReason.LOST, ExitReason.BACKEND})
ENDINGS: Final = {
    ExitReason.OOM: (
        FinishReason.OUT_OF_MEMORY,
        "The algorithm needed more memory than the environment's ramGB and was ended."
        " Make it use less, or choose an environment with more.",
    ),
    ExitReason.STORAGE: (
        FinishReason.STORAGE,
        "The algorithm wrote more than the environment's diskGB and was ended."
        " Make it write less, or choose an environment with more.",
    ),
    ExitReason.TIMEOUT: (FinishReason.TIMEOUT, TIMEOUT),
    ExitReason.EVICTED: (
        FinishReason.EVICTED,
        "The environment needed the place for something else and ended the algorithm."
        " Restart the job.",
    ),
    ExitReason.LOST: (FinishReason.LOST, LOST),
    ExitReason.BACKEND: (
        FinishReason.BACKEND,
        "The environment failed while the algorithm ran. Restart the job; if it ends like this"
        " again, tell the server's operator.",
    ),
}


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a run ended; `sound` is whether its outputs may become results."""

    reason: FinishReason
    message: str
    exit_code: int | None = None
    sound: bool = True

    def of(self, job: Job) -> Job:
        """`job` with this reason, where it has none yet."""
        if self.reason is FinishReason.TIMEOUT:
            job = job.stop_asked(StopRequest.TIME_LIMIT)
        return job.because(self.reason, self.message, self.exit_code)

    def instead(self, job: Job) -> Job:
        """`job` with this reason in place of the one it had; its exit code stays."""
        cleared = replace(job, finish_reason=None)
        return cleared.because(self.reason, self.message, job.exit_code)


def of_exit(end: Exit) -> Ending:
    """The ending that a backend reported."""
    if end.reason is not ExitReason.EXITED:
        reason, message = ENDINGS[end.reason]
        said = f" ({plain(end.message)})" if end.message else ""
        return Ending(reason, message + said, end.code, end.reason not in UNSOUND)
    if end.code == 0:
        return Ending(FinishReason.COMPLETED, COMPLETED, 0)
    return Ending(FinishReason.FAILED, _failed(end.code), end.code)


def _failed(code: int | None) -> str:
    ended = "with an unknown exit code" if code is None else f"with exit code {code}"
    return f"The algorithm ended {ended}. Read algorithm.log for what it said."


def by_backend(what: str) -> Ending:
    """The backend did not do its part; `what` is a clause like "launch did not come back"."""
    return Ending(
        FinishReason.BACKEND,
        plain(
            f"The environment failed: {what}. Restart the job; if it ends like this again,"
            " tell the server's operator."
        ),
        sound=False,
    )


def by_filter(what: str) -> Ending:
    """The results could not be shown to have passed every filter, so only logs are published."""
    return Ending(
        FinishReason.FILTERING,
        plain(f"Only logs are published: {what}. Ask the server's operator what its filters want."),
        sound=False,
    )


def by_size(what: str) -> Ending:
    """There is more than may be collected."""
    return Ending(
        FinishReason.STORAGE,
        plain(f"Only logs are published: {what}. Make the algorithm write less and restart it."),
        sound=False,
    )
