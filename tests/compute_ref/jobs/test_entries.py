"""What is kept in memory of a document."""

from __future__ import annotations

from compute_ref.jobs.entries import Kept


def test_the_fields_are_kept_in_the_order_of_their_names() -> None:
    kept = Kept("owner", "created")
    fields = kept.of({"created": 1.5, "code": "#", "owner": "0x1"})
    assert fields == kept.again(["0x1", 1.5]) == ("0x1", 1.5)
