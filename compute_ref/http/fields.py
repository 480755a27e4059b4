"""Kinds of values on the wire, each checked in one place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from marshmallow import ValidationError, fields, validate

from compute_ref.assets.ddo import DID
from compute_ref.http.body import as_text, parse_text
from compute_ref.identity.addresses import PATTERN as ADDRESS
from compute_ref.identity.nonces import parse_nonce
from compute_ref.refusals import Malformed

JOB_ID_LENGTH = 32
NOT_TEXT = "Not a valid string."


class Text(fields.String):
    """A text, exactly as sent; a JSON number by its raw token where `number` is allowed."""

    def __init__(self, *, number: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.number = number

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        text = as_text(value) if self.number else value
        if not isinstance(text, str):
            raise ValidationError(NOT_TEXT)
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as broken:
            raise ValidationError("Not valid Unicode.") from broken
        return text


def required(name: str) -> dict[str, Any]:
    """Options of a field that must be there, with the sentence that clients look for."""
    return {"required": True, "error_messages": {"required": f"The {name} field is required."}}


def address(description: str = "Ethereum address, any case.", **options: Any) -> Text:
    """An address: 0x and 40 hexadecimal digits."""
    return Text(
        validate=validate.Regexp(ADDRESS.pattern + r"\Z", error="Not an Ethereum address."),
        metadata={"description": description},
        **options,
    )


def did(description: str, **options: Any) -> Text:
    """A documentId."""
    return Text(
        validate=validate.Regexp(
            DID.pattern + r"\Z", error="Not a DID: did:op: and 64 lower-case hexadecimal digits."
        ),
        metadata={"description": description},
        **options,
    )


def transaction(**options: Any) -> Text:
    """A transferTxId."""
    return Text(
        validate=validate.Regexp(
            r"0x[0-9a-fA-F]{1,64}\Z", error="Not a transaction: 0x and 1 to 64 hex digits."
        ),
        metadata={"description": "Transaction of the order that pays for the service."},
        **options,
    )


def check_nonce(text: str) -> None:
    """The nonce rule, as marshmallow wants it told."""
    try:
        parse_nonce(text)
    except Malformed as wrong:
        raise ValidationError(wrong.errors["nonce"]) from wrong


def nonce(**options: Any) -> Text:
    """A nonce, as JSON number or text."""
    return Text(
        number=True,
        validate=check_nonce,
        metadata={"description": "Greater than the last accepted one; below 2^53."},
        **options,
    )


class JsonObject(fields.Field[Any]):
    """An object, or JSON text of one."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str):
            try:
                value = parse_text(value)
            except ValueError as broken:
                raise ValidationError("Not valid JSON text of an object.") from broken
        if not isinstance(value, Mapping):
            raise ValidationError("Not an object.")
        return value


class AnyJson(fields.Field[Any]):
    """Any JSON value; a text that is JSON of an object or list stands for that value."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        return structured(value)


def structured(value: Any) -> Any:
    """`value`, or where it is JSON text of an object or list, what that says."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        with suppress(ValueError):
            return parse_text(value)
    return value


def json_equal(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
