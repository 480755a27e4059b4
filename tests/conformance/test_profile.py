"""A profile: what it may say, and what of it is used up."""

from __future__ import annotations

from pathlib import Path

import pytest

import compute_conformance
from compute_conformance.profile import ProfileInvalid, from_document, load
from compute_conformance.runner import Selection
from compute_conformance.signing import Account
from compute_conformance.verdicts import Disabled, Verdict
from tests.conformance.reference import profile, reference

KEYS = [Account.new().secret for _ in range(2)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("acces = 1", "acces: no such key; there are url"),
        ("[limits]\nfinnish = 1", "limits.finnish: no such key"),
        ('keys = "these"', "keys: must be"),
        ('keys = ["0x12"]', "keys: must be"),
        ("orders = 7", "orders: must be"),
        ("access = ", "Invalid value"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_file(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "profile.toml"
    path.write_text(text)
    with pytest.raises(ProfileInvalid, match="profile.toml") as invalid:
        load(path)
    assert told in str(invalid.value)


def test_each_key_is_one_consumer_s() -> None:
    found = from_document({"keys": KEYS})
    taken = [found.account(), found.account()]
    assert [one.secret for one in taken if one] == KEYS
    with pytest.raises(Disabled, match="all are used up"):
        found.account()


def test_each_order_is_used_once_for_its_role() -> None:
    assets = {role: {"documentId": role, "serviceId": "s"} for role in ("open", "second")}
    found = from_document({"orders": {"open": ["0x1", "0x2"]}, "datasets": assets})
    assert [found.dataset("open")["transferTxId"] for _ in range(2)] == ["0x1", "0x2"]
    with pytest.raises(Disabled, match=r"orders\.open"):
        found.dataset("open")
    assert len(found.dataset("second")["transferTxId"]) == 66


def test_nothing_is_changed_at_a_target_that_is_only_to_be_read() -> None:
    asked: list[str] = []
    with reference() as app:

        def heard(environ: dict[str, str], start: object) -> object:
            asked.append(environ["REQUEST_METHOD"])
            return app(environ, start)  # type: ignore[arg-type]

        report = compute_conformance.run(heard, profile(read_only=True))  # type: ignore[arg-type]
    assert set(asked) == {"GET", "HEAD", "OPTIONS"}
    assert report.counts().keys() == {Verdict.PASS, Verdict.DISABLED}
    assert report.counts()[Verdict.PASS] > 40


def test_the_first_environment_is_taken_where_none_is_named() -> None:
    only = Selection(ids=lambda key: key == "CE-JOB-ENVIRONMENT")
    with reference() as app:
        report = compute_conformance.run(app, profile(environment=""), only)
    named = {
        request.json["environment"]
        for outcome in report.outcomes
        for request, _ in outcome.transcript
        if request.method == "POST"
    }
    assert named == {"instant"}
