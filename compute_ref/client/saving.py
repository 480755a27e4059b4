"""Results as files: whole and checked, or not at all."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, Final

from urllib3.exceptions import HTTPError

from compute_ref.client.client import ComputeClient
from compute_ref.client.errors import AnswerUnusable, ServerUnreachable

CHUNK: Final = 2**16
SAFE: Final = re.compile(r"[^\w.-]", re.ASCII)


def save(
    client: ComputeClient,
    job_id: str,
    index: int,
    target: Path,
    told: Callable[[int], object] = int,
) -> Path:
    """Download a result to the new or replaced file `target`; `told` hears each chunk's size.

    AnswerUnusable where the bytes are not those that the server's ETag promises.
    """
    draft = target.with_name(f".{target.name}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    answer = client.open_result(job_id, index)
    digest = hashlib.sha256()
    try:
        with draft.open("wb") as file:
            for chunk in answer.stream(CHUNK):
                file.write(chunk)
                digest.update(chunk)
                told(len(chunk))
        _check(answer.headers.get("ETag", ""), digest.hexdigest(), index)
        draft.replace(target)
    except HTTPError as cut:
        raise ServerUnreachable(f"the download of result {index} was cut off") from cut
    finally:
        answer.release_conn()
        draft.unlink(missing_ok=True)
    return target


def file_names(results: list[dict[str, Any]]) -> list[str]:
    """A safe relative file name for each result; names that meet get their index in front."""
    names = [_safe(str(result.get("filename") or "result")) for result in results]
    while met := {name for name, times in Counter(names).items() if times > 1}:
        names = [_numbered(n, place) if n in met else n for place, n in enumerate(names)]
    return names


def _safe(name: str) -> str:
    parts = [SAFE.sub("_", part) for part in PurePosixPath(name).parts]
    kept = [part for part in parts if part.strip("._")]
    return "/".join(kept) or "result"


def _numbered(name: str, place: int) -> str:
    path = PurePosixPath(name)
    return str(path.with_name(f"{place}-{path.name}"))


def _check(etag: str, found: str, index: int) -> None:
    promised = etag.removeprefix("W/").strip('"')
    if re.fullmatch("[0-9a-f]{64}", promised) and promised != found:
        raise AnswerUnusable(f"result {index} came with other bytes than the server promised")
