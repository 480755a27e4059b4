"""Servers that refuse what may not meet in other words than clients look for."""

from __future__ import annotations

import json
from typing import Any

from tests.conformance.defects.defect import Kind, Wrong, defect


def recoded(wrong: Wrong, code: str, other: str) -> None:
    """Refuse with another code."""

    def rewrite(refusal: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(refusal).replace(f'"{code}"', f'"{other}"')
        return json.loads(text)  # type: ignore[no-any-return]

    wrong.refusals(rewrite)


@defect("asset-refusals-are-sentences", "CE-TRUST-CODE-RAW", kind=Kind.SHAPE)
def raw_refusals_are_sentences(wrong: Wrong) -> None:
    def rewrite(refusal: dict[str, Any]) -> dict[str, Any] | None:
        raw = refusal.get("error") == {"dataset": "no_raw_algo_allowed"}
        return {"error": "no_raw_algo_allowed"} if raw else None

    wrong.refusals(rewrite)


@defect("untrusted-algorithms-are-denied-access", "CE-TRUST-CODE-ALGORITHM", kind=Kind.SHAPE)
def untrusted_are_denied(wrong: Wrong) -> None:
    recoded(wrong, "not_trusted_algo", "access_denied")


@defect("untrusted-publishers-are-untrusted-algorithms", "CE-TRUST-CODE-PUBLISHER", kind=Kind.SHAPE)
def untrusted_publishers(wrong: Wrong) -> None:
    recoded(wrong, "not_trusted_algo_publisher", "not_trusted_algo")


@defect("changed-files-are-untrusted-algorithms", "CE-TRUST-CODE-CHECKSUM", kind=Kind.SHAPE)
def changed_files_are_untrusted(wrong: Wrong) -> None:
    recoded(wrong, "algorithm_file_checksum_mismatch", "not_trusted_algo")


@defect("changed-containers-have-no-code", "CE-TRUST-CODE-CHECKSUM", kind=Kind.SHAPE)
def changed_containers_have_no_code(wrong: Wrong) -> None:
    recoded(wrong, "algorithm_container_checksum_mismatch", "Container checksum mismatch.")


@defect("unknown-dids-are-unavailable", "CE-TRUST-CODE-DATASET", kind=Kind.SHAPE)
def unknown_dids_are_unavailable(wrong: Wrong) -> None:
    recoded(wrong, "did_not_found", "file_unavailable")


@defect("access-services-are-not-found", "CE-TRUST-CODE-DATASET", kind=Kind.SHAPE)
def access_services_are_not_found(wrong: Wrong) -> None:
    recoded(wrong, "main_service_compute", "not_found")


@defect("datasets-as-algorithms-are-not-found", "CE-TRUST-CODE-NOT-ALGORITHM", kind=Kind.SHAPE)
def datasets_as_algorithms_are_not_found(wrong: Wrong) -> None:
    recoded(wrong, "not_algo", "did_not_found")
