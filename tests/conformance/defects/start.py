"""Servers that start jobs wrongly."""

from __future__ import annotations

from compute_ref.jobs.ledger import Ledger
from tests.conformance.defects.defect import Kind, Wrong, defect


@defect("nonce-not-compared", "CE-START-NONCE-REPLAY", kind=Kind.SECURITY, calls=2)
def nonce_not_compared(wrong: Wrong) -> None:
    wrong.patch(Ledger, "spend", lambda self, claim: None)
