"""Requirements that say the same, of a narrower case or in other words, and come first.

Who breaks the one breaks the other, mostly, and is blamed for the one that comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ALIKE: Final[Mapping[str, str]] = {
    "CE-DELETE-NONCE-KEPT": "CE-NONCE-DELETE-REPLAY",
    "CE-DELETE-UNSIGNED": "CE-SIGN-DELETE-MISSING",
    "CE-ERROR-ALL-FIELDS": "CE-START-NAMES-ALL",
    "CE-ERROR-DOTTED": "CE-START-NAMES-MISSING",
    "CE-ERROR-REQUIRED-SENTENCE": "CE-START-REQUIRED-SENTENCE",
    "CE-HTTP-NOT-AN-OBJECT": "CE-START-META-NO-JSON",
    "CE-JOB-DOCUMENT": "CE-START-DOCUMENT-ID",
    "CE-JOB-ENVIRONMENT": "CE-START-ENVIRONMENT-OF-CHAIN",
    "CE-JOB-FINISHED-NULL": "CE-START-UNFINISHED",
    "CE-JOB-ID-UNIQUE": "CE-START-JOB-ID-UNIQUE",
    "CE-JOB-INPUTS": "CE-START-FURTHER",
    "CE-JOB-INPUTS-ALL": "CE-START-FURTHER",
    "CE-JOB-OWNER": "CE-START-OWNER",
    "CE-JOB-STATUS-INTEGER": "CE-START-STATUS",
    "CE-NONCE-ACROSS": "CE-SIGN-RESULT-AS-DELETE",
    "CE-ORDER-FURTHER": "CE-ORDER-TWICE-IN-ONE",
    "CE-SIGN-ADDRESS-CASE": "CE-START-ADDRESS-CASE",
    "CE-START-META-NO-JSON": "CE-START-EMPTY-IS-ABSENT",
}
