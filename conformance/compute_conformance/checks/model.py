"""The model of accounts, nonces, jobs and results: one check for each of its requirements.

The programs run once; each check tells what they found of its own.
"""

from __future__ import annotations

from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.model.story import tell


@check("CE-MODEL-KEPT")
def kept(bench: Bench) -> None:
    """Every list of an account after each of its steps."""
    tell(bench, "CE-MODEL-KEPT")


@check("CE-MODEL-OTHERS")
def others(bench: Bench) -> None:
    """Looks, stops, deletes and downloads of others, and lists."""
    tell(bench, "CE-MODEL-OTHERS")


@check("CE-MODEL-INVENTED")
def invented(bench: Bench) -> None:
    """Lists after restarts, replays, forgeries and refusals."""
    tell(bench, "CE-MODEL-INVENTED")


@check("CE-MODEL-GROWS")
def grows(bench: Bench) -> None:
    """All looks at a job, one after another."""
    tell(bench, "CE-MODEL-GROWS")


@check("CE-MODEL-FINAL")
def final(bench: Bench) -> None:
    """Looks at ended jobs after stops, refused restarts and downloads."""
    tell(bench, "CE-MODEL-FINAL")


@check("CE-MODEL-ENDS")
def ends(bench: Bench) -> None:
    """Waits for jobs that nobody stopped."""
    tell(bench, "CE-MODEL-ENDS")


@check("CE-MODEL-RESULTS")
def results(bench: Bench) -> None:
    """Downloads before and after the end, again and again."""
    tell(bench, "CE-MODEL-RESULTS")


@check("CE-MODEL-RUNS-ON")
def runs_on(bench: Bench) -> None:
    """Looks at jobs whose algorithms stay."""
    tell(bench, "CE-MODEL-RUNS-ON")


@check("CE-MODEL-STOPPED")
def stopped(bench: Bench) -> None:
    """Waits for jobs that were stopped, at once or later, or in a second run."""
    tell(bench, "CE-MODEL-STOPPED")


@check("CE-MODEL-SAME")
def same(bench: Bench) -> None:
    """documentId, environment, algoDID and dateCreated of all looks."""
    tell(bench, "CE-MODEL-SAME")


@check("CE-MODEL-STOP")
def stop(bench: Bench) -> None:
    """Stops before and after the end, twice, and in a second run."""
    tell(bench, "CE-MODEL-STOP")


@check("CE-MODEL-DELETE")
def delete(bench: Bench) -> None:
    """Deletes by jobId and by documentId, before and after the end."""
    tell(bench, "CE-MODEL-DELETE")


@check("CE-MODEL-DELETED")
def deleted(bench: Bench) -> None:
    """Looks, stops, deletes and downloads of deleted jobs, and lists."""
    tell(bench, "CE-MODEL-DELETED")


@check("CE-MODEL-REPLAY")
def replay(bench: Bench) -> None:
    """Earlier calls sent again, and calls with old nonces."""
    tell(bench, "CE-MODEL-REPLAY")


@check("CE-MODEL-FORGED")
def forged(bench: Bench) -> None:
    """Starts, stops, deletes and downloads in the name of another account."""
    tell(bench, "CE-MODEL-FORGED")


@check("CE-MODEL-STOPREQ")
def stopreq(bench: Bench) -> None:
    """Stopreq of all looks at jobs that nobody stopped."""
    tell(bench, "CE-MODEL-STOPREQ")


@check("CE-MODEL-NONCE")
def nonce(bench: Bench) -> None:
    """The nonce of an account after forgeries, replays and refusals."""
    tell(bench, "CE-MODEL-NONCE")


@check("CE-MODEL-RESTART")
def restart(bench: Bench) -> None:
    """Restarts of jobs that ended, were stopped, or were restarted before."""
    tell(bench, "CE-MODEL-RESTART")


@check("CE-MODEL-RESTART-REFUSED")
def restart_refused(bench: Bench) -> None:
    """Restarts of such jobs."""
    tell(bench, "CE-MODEL-RESTART-REFUSED")
