"""Drives a server with the unmodified ocean.py: URL, DATASET, ALGORITHM, REPORT.

Runs in an environment of its own (Python 3.10, see prepare.py) and writes what it saw as
JSON to REPORT; the tests beside this file say what it must have seen.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from eth_account import Account
from ocean_lib.aquarius import Aquarius
from ocean_lib.data_provider.data_service_provider import DataServiceProvider
from ocean_lib.exceptions import DataProviderException
from ocean_lib.models.compute_input import ComputeInput
from ocean_lib.ocean.ocean_assets import OceanAssets
from ocean_lib.ocean.ocean_compute import OceanCompute
from ocean_lib.services.service import Service
from ocean_lib.structures.algorithm_metadata import AlgorithmMetadata

CHAIN = 8996
PATIENCE = 60  # seconds for a job to get where it is waited for
INTERVAL = 0.1  # seconds between two questions
SLOW = "import time\nprint('waiting', flush=True)\ntime.sleep(600)\n"
HELLO = "import os\nopen(os.environ['OUTPUTS'] + '/hello.txt', 'w').write('hello')\nprint('hi')\n"


class Consumer:
    """One account with ocean.py's own calls on one dataset."""

    def __init__(self, url: str, dataset: str, algorithm: str) -> None:
        config = {"METADATA_CACHE_URI": url, "PROVIDER_URL": url, "CHAIN_ID": CHAIN}
        self.url = url
        self.wallet = Account.create()
        self.compute = OceanCompute(config, DataServiceProvider)
        self.assets = OceanAssets.__new__(OceanAssets)  # its __init__ asks for a chain
        self.assets._config_dict = config
        metadata = Aquarius.get_instance(url)
        self.dataset, self.algorithm = metadata.get_ddo(dataset), metadata.get_ddo(algorithm)

    def service(self, name: str) -> Service:
        """A service of the dataset."""
        return self.dataset.get_service_by_id(name)

    def inputs(self, name: str = "compute") -> tuple[ComputeInput, ComputeInput]:
        """Dataset and algorithm as ocean.py wants to have them."""
        access = self.algorithm.get_service_by_id("access")
        return (
            ComputeInput(self.dataset, self.service(name)),
            ComputeInput(self.algorithm, access),
        )

    def environment(self) -> dict:
        """The free environment."""
        return self.compute.get_free_c2d_environment(self.url, CHAIN)

    def pay(self, data: ComputeInput, algorithm: ComputeInput) -> None:
        """Ask for orders, which development gives for nothing."""
        environment = self.environment()
        self.assets.pay_for_compute_service(
            datasets=[data],
            algorithm_data=algorithm,
            compute_environment=environment["id"],
            valid_until=int(time.time()) + 3600,
            consume_market_order_fee_address=self.wallet.address,
            tx_dict={"from": self.wallet},
            consumer_address=environment["consumerAddress"],
        )

    def start_published(self, name: str = "compute") -> str:
        """Start the published algorithm by its DID."""
        data, algorithm = self.inputs(name)
        self.pay(data, algorithm)
        return self.compute.start(
            self.wallet, data, self.environment()["id"], algorithm, algorithm_algocustomdata={}
        )

    def start_raw(self, code: str, name: str = "open") -> str:
        """Start code of our own."""
        container = {"entrypoint": "python3 $ALGO", "image": "", "tag": "", "checksum": ""}
        meta = AlgorithmMetadata({"rawcode": code, "language": "python", "container": container})
        data, _ = self.inputs(name)
        data.transfer_tx_id = "0x" + f"{time.time_ns():x}"
        return self.compute.start(self.wallet, data, self.environment()["id"], algorithm_meta=meta)

    def status(self, job: str) -> dict:
        """One look."""
        return self.compute.status(self.dataset, self.service("open"), job, self.wallet)

    def reached(self, job: str, status: int) -> dict:
        """The job once it has that status or a later one."""
        until = time.monotonic() + PATIENCE
        while (found := self.status(job))["status"] < status:
            if time.monotonic() > until:
                raise SystemExit(f"{job} is still at {found}")
            time.sleep(INTERVAL)
        return found

    def log(self, job: str) -> str:
        """The algorithm's log."""
        logs = self.compute.compute_job_result_logs(
            self.dataset, self.service("open"), job, self.wallet, "algorithmLog"
        )
        return logs[0].decode()


def published(me: Consumer) -> dict:
    """By DID: start, status, result, log."""
    job = me.start_published()
    ended = me.reached(job, 61)
    names = [one["filename"] for one in ended["results"]]
    summary = me.compute.result(
        me.dataset, me.service("compute"), job, names.index("summary.json"), me.wallet
    )
    return {
        "status": ended["status"],
        "ok": ended["ok"],
        "dateFinished": float(ended["dateFinished"]),
        "names": names,
        "summary": json.loads(summary),
        "log": me.log(job),
    }


def raw(me: Consumer) -> dict:
    """By raw code: start, result, delete."""
    job = me.start_raw(HELLO)
    me.reached(job, 61)
    service = me.service("open")
    hello, log = me.compute.result(me.dataset, service, job, 0, me.wallet), me.log(job)
    deleted = DataServiceProvider.delete_compute_job(me.dataset.did, job, service, me.wallet)
    return {"hello": hello.decode(), "log": log, "deleted": deleted["status"], "job": job}


def stopped(me: Consumer) -> dict:
    """Stop a running job and fetch its log, as ocean.py's own flow does."""
    job = me.start_raw(SLOW)
    me.reached(job, 40)
    answer = me.compute.stop(me.dataset, me.service("open"), job, me.wallet)
    ended = me.reached(job, 61)
    return {
        "answer": answer["status"],
        "ok": answer["ok"],
        "stopreq": ended["stopreq"],
        "status": ended["status"],
        "log": me.log(job),
        "job": job,
    }


def refused(me: Consumer, stranger: Consumer, foreign: str) -> dict:
    """What the server says no to, in ocean.py's words."""
    service = me.service("open")
    calls = {
        "raw code": lambda: me.start_raw(HELLO, "compute"),
        "untrusted algorithm": lambda: me.start_published("open"),
        "unknown environment": lambda: DataServiceProvider.initialize_compute(
            [me.inputs()[0].as_dictionary()],
            me.inputs()[1].as_dictionary(),
            me.url,
            me.wallet.address,
            "nowhere",
            int(time.time()) + 3600,
        ),
        "stranger stops": lambda: stranger.compute.stop(
            me.dataset, service, foreign, stranger.wallet
        ),
        "stranger deletes": lambda: DataServiceProvider.delete_compute_job(
            me.dataset.did, foreign, service, stranger.wallet
        ),
        "stranger reads": lambda: stranger.compute.result(
            me.dataset, service, foreign, 0, stranger.wallet
        ),
    }
    return {name: _refusal(call) for name, call in calls.items()}


def _refusal(call: Callable[[], object]) -> str:
    try:
        return f"not refused: {call()}"
    except DataProviderException as refused:
        return str(refused)


def main(url: str, dataset: str, algorithm: str, report: str) -> None:
    """Everything, in the order of a consumer's day."""
    me, stranger = Consumer(url, dataset, algorithm), Consumer(url, dataset, algorithm)
    seen = {
        "environment": me.environment(),
        "published": published(me),
        "raw": raw(me),
        "stopped": stopped(me),
    }
    seen["refused"] = refused(me, stranger, seen["stopped"]["job"])
    Path(report).write_text(json.dumps(seen, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
