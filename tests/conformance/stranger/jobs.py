"""Jobs as processes of a shell, one thread each."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TEXTS = {
    1: "Warming up",
    10: "Job started",
    20: "Configuring volumes",
    30: "Provisioning success",
    40: "Running algorithm ",
    50: "Filtering results",
    60: "Publishing results",
    70: "Job completed",
}


@dataclass
class Job:
    """One run of a script."""

    owner: str
    documentId: str
    agreement: str
    environment: str
    folder: Path
    code: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: float = field(default_factory=time.time)
    finished: float | None = None
    status: int = 1
    stopreq: int = 0
    results: list[dict[str, Any]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    _process: subprocess.Popen[bytes] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        threading.Thread(target=self._run, name=self.id, daemon=True).start()

    def stop(self) -> None:
        """Ask it to end, and wait for that."""
        with self._lock:
            self.stopreq = 1
            if self._process is not None:
                with suppress(ProcessLookupError):  # it has ended
                    os.killpg(self._process.pid, signal.SIGKILL)
        self.over.wait(20)

    def told(self) -> Mapping[str, Any]:
        """Its status object, as deployed servers have it."""
        return {
            "agreementId": self.agreement,
            "jobId": self.id,
            "owner": self.owner,
            "status": self.status,
            "statusText": TEXTS[self.status],
            "dateCreated": str(self.created),
            "dateFinished": None if self.finished is None else str(self.finished),
            "results": self.results or "",
            "stopreq": self.stopreq,
            "removed": 0,
            "algoDID": "",
            "inputDID": [self.documentId],
            "environment": self.environment,
        }

    def path(self, index: int) -> Path:
        """The file of a result."""
        entry = self.results[index]
        room = "logs" if entry["type"] == "algorithmLog" else "outputs"
        return self.folder / room / str(entry["filename"])

    def _run(self) -> None:
        outputs, logs = self.folder / "outputs", self.folder / "logs"
        outputs.mkdir(parents=True)
        logs.mkdir()
        for self.status in (10, 20, 30):
            pass
        with (logs / "algorithm.log").open("wb") as log:
            self._process_ended(outputs, log.fileno())
        self.status = 60
        self.results = [
            *({"filename": one.name, "type": "output"} for one in sorted(outputs.iterdir())),
            {"filename": "algorithm.log", "type": "algorithmLog"},
        ]
        for index, entry in enumerate(self.results):
            entry["filesize"] = self.path(index).stat().st_size
        self.finished = time.time()
        self.status = 70
        self.over.set()

    def _process_ended(self, outputs: Path, log: int) -> None:
        with self._lock:
            if self.stopreq:
                return
            self.status = 40
            code = self.folder / "code"
            code.write_text(self.code)
            self._process = subprocess.Popen(
                ["sh", str(code)],
                cwd=outputs,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._process.wait()
