"""``compute-ref job``: a client for people at a terminal, for any server of this API."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from compute_ref.cli.calling import (
    EXIT_CODES,
    FAILED,
    REFUSED,
    Failed,
    calling,
    client_of,
    print_json,
)
from compute_ref.cli.screen import (
    PhaseLog,
    download_bar,
    print_job,
    print_jobs,
    print_results,
)
from compute_ref.client import Asset, ComputeClient, RawCode, follow, is_final, succeeded
from compute_ref.client.client import Status
from compute_ref.client.following import INTERVAL
from compute_ref.client.saving import file_names, save


@click.group(epilog=EXIT_CODES)
def job() -> None:
    """Start, watch, stop and delete jobs, and fetch what they made."""


def _waiting(command: Any) -> Any:
    for option in (
        click.option("--timeout", type=float, help="Give up watching after so many seconds."),
        click.option(
            "--interval",
            type=click.FloatRange(min=0.05),
            default=INTERVAL,
            show_default=True,
            help="Seconds between two questions to the server, which tells nothing unasked.",
        ),
    ):
        command = option(command)
    return command


@job.command(epilog=EXIT_CODES)
@click.argument("dataset")
@click.option("--service", default="compute", show_default=True, help="The dataset's service.")
@click.option("--order", default="", help="Transaction that paid for the dataset.")
@click.option("--algorithm", default="", help="DID of a published algorithm.")
@click.option("--algorithm-service", default="access", show_default=True)
@click.option("--algorithm-order", default="", help="Transaction that paid for the algorithm.")
@click.option("--code", type=click.Path(path_type=Path), help="File with code of your own.")
@click.option("--entrypoint", default="python3 $ALGO", show_default=True, help="Runs the code.")
@click.option("--image", default="", help="Image for the code, where the server runs images.")
@click.option("--tag", default="", help="The image's tag.")
@click.option("--checksum", default="", help="The image's digest, sha256:….")
@click.option("--custom", default="", help="algocustomdata, as JSON.")
@click.option("--environment", default="", help="Default: the server's first.")
@click.option("--wait", is_flag=True, help="Watch the job until it ends.")
@_waiting
@calling
def start(dataset: str, wait: bool, url: str, key_file: Path | None, **given: Any) -> None:
    """Start a job on DATASET (a DID) with a published algorithm or with code of your own."""
    algorithm = _algorithm(given)
    with client_of(url, key_file) as client:
        made = client.start(
            Asset(dataset, given["service"], given["order"]),
            algorithm,
            environment=given["environment"],
            custom=_custom(given["custom"]),
        )
        if wait:
            _watch(client, made["jobId"], **_how(given))
        else:
            _show(made, given["as_json"])


@job.command(epilog=EXIT_CODES)
@click.argument("job_id", required=False)
@click.option("--owner", default="", help="List this address's jobs; default: your own.")
@calling
def status(job_id: str | None, owner: str, url: str, key_file: Path | None, as_json: bool) -> None:
    """Show JOB_ID, or list all jobs of an address."""
    with client_of(url, key_file) as client:
        if job_id:
            _show(_details(client, client.status(job_id)), as_json)
            return
        jobs = client.jobs(consumerAddress=owner or client.address)
        if as_json:
            print_json(jobs)
        else:
            print_jobs(Console(), jobs)


@job.command(epilog=EXIT_CODES)
@click.argument("job_id")
@_waiting
@calling
def watch(job_id: str, url: str, key_file: Path | None, **given: Any) -> None:
    """Show the phases of JOB_ID as they pass, until it ends."""
    with client_of(url, key_file) as client:
        _watch(client, job_id, **_how(given))


@job.command(epilog=EXIT_CODES)
@click.argument("job_id")
@calling
def stop(job_id: str, url: str, key_file: Path | None, as_json: bool) -> None:
    """Stop JOB_ID; what it has written by then becomes its result."""
    with client_of(url, key_file) as client:
        _show(client.stop(job_id), as_json)


@job.command(epilog=EXIT_CODES)
@click.argument("job_id")
@calling
def delete(job_id: str, url: str, key_file: Path | None, as_json: bool) -> None:
    """Stop JOB_ID and remove all of it, results included."""
    with client_of(url, key_file) as client:
        _show(client.delete(job_id), as_json)


@job.command(epilog=EXIT_CODES)
@click.argument("job_id")
@calling
def results(job_id: str, url: str, key_file: Path | None, as_json: bool) -> None:
    """List the result files of JOB_ID."""
    with client_of(url, key_file) as client:
        found = client.status(job_id).get("results") or []
    if as_json:
        print_json(found)
    elif found:
        print_results(Console(), found)
    else:
        Console(stderr=True).print("There are no results, or not yet.")


@job.command(epilog=EXIT_CODES)
@click.argument("job_id")
@click.argument("indexes", nargs=-1, type=int)
@click.option("--to", type=click.Path(path_type=Path), default=Path(), help="Folder to save in.")
@calling
def get(
    job_id: str,
    indexes: tuple[int, ...],
    to: Path,
    url: str,
    key_file: Path | None,
    as_json: bool,
) -> None:
    """Download results of JOB_ID by their INDEXES; all of them where none is given."""
    with client_of(url, key_file) as client:
        found = client.status(job_id).get("results") or []
        wanted = indexes or tuple(range(len(found)))
        missing = [index for index in wanted if not 0 <= index < len(found)]
        if missing or not wanted:
            what = f"no result {missing[0]}" if missing else "no results, or not yet"
            raise Failed(f"job {job_id} has {what}: see compute-ref job results", REFUSED)
        try:
            saved = _download(client, job_id, found, wanted, to, quiet=as_json)
        except OSError as failed:
            raise Failed(f"{to} cannot be written: {failed.strerror}", REFUSED) from failed
    if as_json:
        print_json([str(path) for path in saved])


def _algorithm(given: dict[str, Any]) -> Asset | RawCode:
    if bool(given["algorithm"]) == bool(given["code"]):
        raise click.UsageError("give either --algorithm DID or --code FILE")
    if given["algorithm"]:
        return Asset(given["algorithm"], given["algorithm_service"], given["algorithm_order"])
    try:
        code = given["code"].read_text(encoding="utf-8")
    except (OSError, ValueError) as failed:
        raise click.UsageError(f"{given['code']} cannot be read as text: {failed}") from failed
    return RawCode(code, given["entrypoint"], given["image"], given["tag"], given["checksum"])


def _custom(text: str) -> object:
    try:
        return json.loads(text) if text else None
    except ValueError as broken:
        raise click.UsageError(f"--custom is not JSON: {broken}") from broken


def _how(given: dict[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in ("as_json", "interval", "timeout")}


def _watch(
    client: ComputeClient, job_id: str, as_json: bool, interval: float, timeout: float | None
) -> None:
    console = Console(stderr=as_json, quiet=as_json)
    if not as_json:
        console.print(f"[dim]Job[/] {job_id}")
    with PhaseLog(console) as log:
        for seen in follow(client, job_id, interval=interval, patience=timeout):
            log.show(seen)
            last = seen
    ended = _details(client, last)
    _show(ended, as_json)
    if not as_json and ended.get("results"):
        print_results(console, ended["results"])
    if not succeeded(ended):
        sys.exit(FAILED)


def _details(client: ComputeClient, seen: Status) -> Status:
    """With what only its owner may see, where the caller is that and the job has ended."""
    mine = client.signs and str(seen.get("owner", "")).lower() == client.address.lower()
    return client.details(seen["jobId"]) if mine and is_final(seen) else seen


def _download(
    client: ComputeClient,
    job_id: str,
    found: list[dict[str, Any]],
    wanted: tuple[int, ...],
    to: Path,
    *,
    quiet: bool,
) -> list[Path]:
    names, saved = file_names(found), []
    with download_bar(Console(quiet=quiet)) as bar:
        for index in wanted:
            task = bar.add_task(names[index], total=int(found[index].get("filesize") or 0))

            def told(size: int, task: Any = task) -> None:
                bar.update(task, advance=size)

            saved.append(save(client, job_id, index, to / names[index], told))
    return saved


def _show(found: Status, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        print_job(Console(), found)
