"""``compute-ref demo``: a real job over real data, from nothing, in a few seconds."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from compute_ref.cli.calling import FAILED, Failed, client_of
from compute_ref.cli.screen import PhaseLog, print_results
from compute_ref.client import Asset, ComputeClient, follow, succeeded
from compute_ref.client.client import Status
from compute_ref.client.saving import file_names, save
from compute_ref.demo import ALGORITHM, ALGORITHM_SERVICE, DATASET, OPEN_SERVICE, TRUSTED_SERVICE
from compute_ref.demo.run import ServerFailed, prepare, server

INTERVAL = 0.1  # seconds; the server is on this machine


@click.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("compute-ref-demo"),
    show_default=True,
    help="Where server, account and results lie.",
)
@click.option("--keep", is_flag=True, help="Leave the server running and say what to try next.")
def demo(folder: Path, keep: bool) -> None:
    """Summarise the Palmer penguins on a server of your own, started just for that."""
    console = Console()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the server, too
    try:
        key, _ = prepare(folder)
        with server(folder) as url:
            console.print(f"[bold]A server[/] on {url}")
            with client_of(url, key) as client:
                ended = _job(client, folder, console)
            if keep:
                _stay(url, key, ended["jobId"], console)
    except (OSError, ValueError, ServerFailed) as failed:
        raise Failed(f"the demo cannot run in {folder}: {failed}", FAILED) from failed
    except KeyboardInterrupt:
        console.print()
    if not keep:
        console.print("The server is stopped. [dim]compute-ref demo --keep[/] leaves it running.")


def _job(client: ComputeClient, folder: Path, console: Console) -> Status:
    """Submit the job, show its phases, fetch and show what it made."""
    console.print(f"[bold]A consumer[/] {client.address}")
    dataset = Asset(DATASET, TRUSTED_SERVICE)
    made = client.start(dataset, Asset(ALGORITHM, ALGORITHM_SERVICE))
    console.print(f"[bold]A signed job[/] {made['jobId']}")
    with PhaseLog(console) as log:
        for seen in follow(client, made["jobId"], interval=INTERVAL):
            log.show(seen)
    ended = client.details(made["jobId"])
    saved = _fetch(client, ended, folder / "results")
    if not succeeded(ended):
        console.print(f"[red]{ended.get('finishMessage')}[/] See {folder / 'results'}.")
        sys.exit(FAILED)
    console.print()
    print_results(console, ended["results"])
    console.print()
    _summary(json.loads(saved["summary.json"].read_text(encoding="utf-8")), console)
    console.print(f"\n[bold]The results[/] are in {folder / 'results'};")
    console.print(f"  open {saved['penguins.svg']} in a browser to see the penguins.")
    return ended


def _fetch(client: ComputeClient, ended: Status, folder: Path) -> dict[str, Path]:
    names = file_names(ended["results"])
    return {
        name: save(client, ended["jobId"], index, folder / name) for index, name in enumerate(names)
    }


def _summary(summary: dict[str, Any], console: Console) -> None:
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("Mean of")
    for species in summary:
        table.add_column(species, justify="right")
    for measure in next(iter(summary.values())):
        means = (f"{found[measure]['mean']:,.1f}" for found in summary.values())
        table.add_row(measure.replace("_", " "), *means)
    console.print(table)


def _stay(url: str, key: Path, job_id: str, console: Console) -> None:
    """Keep serving until Ctrl-C, with commands that work in another terminal."""
    mine, command = f"--url {url} --key-file {key.absolute()}", f"{_own_name()} job"
    start = f"{command} start {DATASET} {mine} --wait"
    code = f"--code {key.with_name('own.py').absolute()}"
    tries = {
        "Ask for the job again": f"{command} status {job_id} {mine}",
        "Fetch its results": f"{command} get {job_id} --to fetched {mine}",
        "Run it again": f"{start} --algorithm {ALGORITHM}",
        "Run code of your own": f"{start} --service {OPEN_SERVICE} {code}",
        "See the publisher refuse it": f"{start} --service {TRUSTED_SERVICE} {code}",
        "Read the API": f"{url}/spec",
    }
    console.print("\n[bold]To try next[/], in another terminal:")
    for title, line in tries.items():
        console.print(f"\n  [dim]{title}[/]")
        console.print(f"  {line}", soft_wrap=True, highlight=False)
    console.print("\nCtrl-C stops the server.")
    signal.pause()


def _own_name() -> str:
    """This command as the user called it."""
    own = Path(sys.argv[0])
    return f"{sys.executable} -m compute_ref" if own.name == "__main__.py" else str(own)
