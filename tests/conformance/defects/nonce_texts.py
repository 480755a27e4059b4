"""Servers that read nonces wrongly."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from marshmallow import ValidationError

from compute_ref.http import fields
from compute_ref.http.body import as_text
from compute_ref.http.fields import Text
from compute_ref.identity import callers
from compute_ref.identity.callers import Caller, Callers, Credentials
from compute_ref.identity.nonces import parse_nonce
from tests.conformance.defects import asked
from tests.conformance.defects.defect import Kind, Wrong, defect


def _as_numbers(nonce: str, last: str | None) -> bool:
    return last is None or Decimal(nonce) > Decimal(last)


@defect("nonce-number-refused", "CE-NONCE-NUMBER")
def number_refused(wrong: Wrong) -> None:
    right = Text._deserialize

    def text_only(self: Text, value: Any, attr: Any, data: Any, **options: Any) -> Any:
        if attr == "nonce" and not isinstance(value, str):
            raise ValidationError("Not a valid string.")
        return right(self, value, attr, data, **options)

    wrong.patch(Text, "_deserialize", text_only)


@defect("nonce-far-ahead-refused", "CE-NONCE-GAPS", calls=2)
def far_ahead(wrong: Wrong) -> None:
    def near(nonce: str, last: str | None) -> bool:
        return last is None or 0 < Decimal(nonce) - Decimal(last) < 32

    asked.compared(wrong, near)


@defect("nonce-of-all-accounts-a-clock", "CE-NONCE-PER-ACCOUNT", calls=2)
def a_clock(wrong: Wrong) -> None:
    newest = [Decimal(0)]

    def not_stale(nonce: str, last: str | None) -> bool:
        newest[0] = max(newest[0], Decimal(nonce))
        return _as_numbers(nonce, last) and Decimal(nonce) * 10**6 > newest[0]

    asked.compared(wrong, not_stale)


@defect("nonce-of-31-bits", "CE-NONCE-MILLISECONDS")
def of_31_bits(wrong: Wrong) -> None:
    def small(text: str) -> Decimal:
        value = parse_nonce(text)
        if value >= 2**31:
            raise ValueError("The nonce is out of range.")
        return value

    asked.nonces_read(wrong, small)


@defect("nonce-without-decimals", "CE-NONCE-DECIMAL")
def without_decimals(wrong: Wrong) -> None:
    def whole(text: str) -> Decimal:
        parse_nonce(text)
        return Decimal(int(text))

    asked.nonces_read(wrong, whole)


@defect("nonce-number-written-anew", "CE-NONCE-RAW-NUMBER")
def written_anew(wrong: Wrong) -> None:
    wrong.patch(fields, "as_text", lambda v: repr(float(v)) if isinstance(v, float) else as_text(v))


@defect("nonce-not-needed", "CE-NONCE-MISSING", kind=Kind.SECURITY)
def not_needed(wrong: Wrong) -> None:
    proven = callers._proven

    def without(self: Callers, sender: Credentials, right: asked.Spending) -> Caller:
        if sender.nonce:
            return right()
        did = asked.ASKED.said["dataset"]["documentId"]
        return Caller(sender.address, None, proven(sender, did))

    asked.spending(wrong, asked.START, without)
    asked.not_needed(wrong, "nonce")


@defect("nonce-that-is-a-word-crashes", "CE-NONCE-WORD")
def word_crashes(wrong: Wrong) -> None:
    def read(text: str) -> Decimal:
        Decimal(text)
        return parse_nonce(text)

    asked.nonces_read(wrong, read)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("The nonce is no number.") from None


@defect("nonce-may-be-0", "CE-NONCE-ZERO")
def may_be_0(wrong: Wrong) -> None:
    asked.nonces_read(wrong, lambda text: Decimal(0) if text == "0" else parse_nonce(text))


@defect("nonce-may-be-negative", "CE-NONCE-NEGATIVE")
def may_be_negative(wrong: Wrong) -> None:
    def read(text: str) -> Decimal:
        return -parse_nonce(text[1:]) if text[:1] == "-" else parse_nonce(text)

    asked.nonces_read(wrong, read)


@defect("nonce-may-have-an-exponent", "CE-NONCE-EXPONENT")
def may_have_exponent(wrong: Wrong) -> None:
    def read(text: str) -> Decimal:
        return _decimal(text) if "e" in text.lower() else parse_nonce(text)

    asked.nonces_read(wrong, read)


@defect("nonce-in-any-base", "CE-NONCE-HEX")
def in_any_base(wrong: Wrong) -> None:
    def read(text: str) -> Decimal:
        return Decimal(int(text, 0)) if text[:1] == "0" and text != "0" else parse_nonce(text)

    asked.nonces_read(wrong, read)


@defect("nonce-stripped", "CE-NONCE-SPACES")
def stripped(wrong: Wrong) -> None:
    asked.nonces_read(wrong, lambda text: parse_nonce(text.strip()))


@defect("nonce-in-all-scripts", "CE-NONCE-DIGITS")
def in_all_scripts(wrong: Wrong) -> None:
    def read(text: str) -> Decimal:
        return parse_nonce(text) if text.isascii() else _decimal(text)

    asked.nonces_read(wrong, read)


@defect("nonce-may-be-infinite", "CE-NONCE-FINITE", kind=Kind.SECURITY)
def may_be_infinite(wrong: Wrong) -> None:
    def read(text: str) -> Decimal:
        return _decimal(text) if text.isalpha() else parse_nonce(text)

    asked.nonces_read(wrong, read)


@defect("nonce-of-other-type-crashes", "CE-NONCE-TYPE")
def other_type(wrong: Wrong) -> None:
    right = Text._deserialize

    def unlooked(self: Text, value: Any, attr: Any, data: Any, **options: Any) -> Any:
        if attr == "nonce" and isinstance(value, bool | list | dict):
            return value
        return right(self, value, attr, data, **options)

    wrong.patch(Text, "_deserialize", unlooked)
