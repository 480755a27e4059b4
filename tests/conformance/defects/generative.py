"""Servers that go wrong for a few values alone: only requests that are made up find them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import unquote_plus

import jwt
import webob

from compute_conformance.chance import Effort
from compute_ref.identity import callers
from compute_ref.identity.nonces import parse_nonce
from compute_ref.identity.signatures import recover
from compute_ref.identity.tokens import Tokens
from tests.conformance.defects import asked
from tests.conformance.defects.defect import COMPUTE, WSGI, Kind, Wrong
from tests.conformance.defects.defect import defect as any_defect

defect = partial(any_defect, effort=Effort.FULL)
Answers = Callable[[webob.Request, webob.Response], None]
FAULT = b'{"error": "unexpected", "requestId": "0"}'


def body_of(request: webob.Request) -> Any:
    """The JSON of a request, None where there is none."""
    try:
        return json.loads(request.body) if request.body else None
    except (ValueError, RecursionError):
        return None


def inside(value: Any) -> list[Any]:
    """A value of JSON and all values in it."""
    found = [value]
    for one in found:
        found += (
            list(one.values()) if isinstance(one, dict) else one if isinstance(one, list) else []
        )
    return found


def refuses(
    wrong: Wrong, when: Callable[[webob.Request], object], status: int, body: bytes
) -> None:
    """Answer so to these requests, and do nothing else about them."""

    def middleware(app: WSGI) -> WSGI:
        def other(environ: Any, start_response: Any) -> Any:
            request = webob.Request(environ)
            if not when(request):
                return app(environ, start_response)
            answer = webob.Response(body, status=status, content_type="application/json")
            return answer(environ, start_response)

        return other

    wrong.middlewares.append(middleware)


@defect("an-object-is-no-key", "CE-FUZZ-FAULT")
def object_is_no_key(wrong: Wrong) -> None:
    """What was sent is looked up in a table: an object cannot be, and nobody caught that."""
    names = ("environment", "serviceId", "transferTxId", "documentId")

    def unhashable(request: webob.Request) -> bool:
        objects = [one for one in inside(body_of(request)) if isinstance(one, dict)]
        return any(
            isinstance(one.get(name), dict) and one[name] for one in objects for name in names
        )

    refuses(wrong, unhashable, 500, FAULT)


@defect("a-page-of-errors-for-placeholders", "CE-FUZZ-REFUSAL", kind=Kind.SHAPE)
def page_for_placeholders(wrong: Wrong) -> None:
    """The text of a refusal is a template, filled in with what was sent."""

    def rewrite(request: webob.Request, response: webob.Response) -> None:
        sent = [unquote_plus(request.query_string), *inside(body_of(request))]
        marked = any("$" in one and "$ALGO" not in one for one in sent if isinstance(one, str))
        if response.status_int == 400 and marked:
            response.body = b'"Bad Request"'

    wrong.answers(rewrite)


@defect("escapes-are-not-read", "CE-FUZZ-JSON")
def escapes(wrong: Wrong) -> None:
    """The signature is looked for in the bytes of the body."""
    refuses(
        wrong,
        lambda request: request.method == "POST" and rb"\u00" in request.body,
        400,
        b'{"errors": {"signature": ["Invalid signature provided."]}}',
    )


@defect("small-hexadecimal-digits-are-not-decoded", "CE-FUZZ-QUERY")
def small_digits(wrong: Wrong) -> None:
    def rewrite(request: webob.Request) -> None:
        pattern = re.compile(r"%(?=[0-9]?[a-f]|[0-9]{2}(?<=[3-6]\d))")
        request.environ["QUERY_STRING"] = pattern.sub("%25", request.query_string)

    wrong.requests(rewrite)


@defect("further-members-have-to-be-texts", "CE-FUZZ-FURTHER")
def further_texts(wrong: Wrong) -> None:
    known = {"consumerAddress", "signature", "nonce", "environment", "dataset", "algorithm"}
    known |= {"additionalDatasets", "output", "jobId", "datasets", "compute", "checksum"}

    def other(request: webob.Request) -> bool:
        body = body_of(request)
        members = body.items() if isinstance(body, dict) else ()
        return any(
            name.startswith("x") and name not in known and not isinstance(value, str)
            for name, value in members
        )

    refuses(wrong, other, 400, b'{"errors": {"body": ["Not a text."]}}')


@defect("nonces-of-json-fit-in-32-bits", "CE-FUZZ-ACCEPTED")
def json_nonces(wrong: Wrong) -> None:
    def great(request: webob.Request) -> bool:
        body = body_of(request)
        nonce = body.get("nonce") if isinstance(body, dict) else None
        return isinstance(nonce, int) and nonce >= 2**31 and request.path == COMPUTE

    refuses(wrong, great, 400, b'{"errors": {"nonce": ["Not an integer."]}}')


@defect("addresses-are-stripped", "CE-FUZZ-ADDRESS")
def stripped(wrong: Wrong) -> None:
    def rewrite(request: webob.Request) -> None:
        address = request.GET.get("userAddress", "")
        if request.path.endswith("/nonce") and address != address.strip(" \t\n"):
            request.environ["QUERY_STRING"] = f"userAddress={address.strip()}"

    wrong.requests(rewrite)


@defect("an-environment-of-no-name-spends-the-nonce", "CE-FUZZ-REFUSED", calls=2)
def no_name_spends(wrong: Wrong) -> None:
    """An environment that cannot be a name is looked for after the nonce was stored."""

    def strange() -> bool:
        named = asked.ASKED.said.get("environment")
        return isinstance(named, str) and bool(set(named) & set("%\"'<{($,;"))

    asked.paid_first(wrong, asked.START, strange)


@defect("nonces-are-kept-in-32-bits", "CE-FUZZ-NONCE-ORDER", kind=Kind.SECURITY, calls=2)
def in_32_bits(wrong: Wrong) -> None:
    def after(nonce: str, last: str | None) -> bool:
        return last is None or Decimal(nonce) % 2**32 > Decimal(last) % 2**32

    asked.compared(wrong, after)


@defect("great-nonces-are-compared-as-text", "CE-FUZZ-NONCE-ORDER", calls=2)
def as_text(wrong: Wrong) -> None:
    """Those that do not fit in 32 bits stay as they came."""

    def after(nonce: str, last: str | None) -> bool:
        if last is not None and min(len(last), len(nonce)) > 9:
            return nonce > last
        return last is None or Decimal(nonce) > Decimal(last)

    asked.compared(wrong, after)


@defect("nonces-have-twelve-decimals", "CE-FUZZ-NONCE-DECIMALS", calls=2)
def twelve_decimals(wrong: Wrong) -> None:
    places = Decimal("1e-12")

    def after(nonce: str, last: str | None) -> bool:
        return last is None or Decimal(nonce).quantize(places) > Decimal(last).quantize(places)

    asked.compared(wrong, after)


@defect("nonces-may-have-spaces-of-other-kinds", "CE-FUZZ-NONCE-FORM")
def other_spaces(wrong: Wrong) -> None:
    right = parse_nonce

    def read(text: str) -> Decimal:
        if not set(text) & set("\t\u00a0"):
            return right(text)
        return right(text.strip())

    asked.nonces_read(wrong, read)


@defect("signed-in-small-letters", "CE-FUZZ-MESSAGE", kind=Kind.SECURITY)
def in_small_letters(wrong: Wrong) -> None:
    """Some clients sign the address in small letters: that is accepted as well."""
    proven = callers._proven

    def lenient(sender: callers.Credentials, *parts: str) -> str:
        small = "".join((sender.consumer_address.lower(), *parts))
        if recover(small, sender.signature) == sender.address:
            return small
        return proven(sender, *parts)

    wrong.patch(callers, "_proven", lenient)


@defect("a-prefix-of-the-signature-is-enough", "CE-FUZZ-SIGNATURE", kind=Kind.SECURITY, calls=2)
def prefix_is_enough(wrong: Wrong) -> None:
    """Signatures are padded to their length, and one digit is lost in that."""
    right = recover

    def padded(message: str, signature: str) -> str | None:
        for digit in "0123456789abcdef":
            found = right(message, f"{signature[:-9]}{digit}{signature[-8:]}")
            if found and found.lower() in message.lower():
                return found
        return right(message, signature)

    wrong.patch(callers, "recover", padded)


@defect("the-head-of-a-token-is-not-signed", "CE-FUZZ-TOKEN", kind=Kind.SECURITY, calls=2)
def head_not_signed(wrong: Wrong) -> None:
    right = Tokens._claims

    def claims(self: Tokens, token: str) -> Any:
        head = jwt.encode({}, self._secret, "HS256").split(".")[0]
        parts = token.split(".")
        usual = len(parts) == 3 and len(parts[0]) == len(head) and "none" not in token
        return right(self, ".".join([head, *parts[1:]]) if usual else token)

    wrong.patch(Tokens, "_claims", claims)


@defect("a-job-wins-over-its-order", "CE-FUZZ-LIST")
def job_wins(wrong: Wrong) -> None:
    def rewrite(request: webob.Request) -> None:
        told = request.GET
        if request.method == "GET" and {"jobId", "documentId", "agreementId"} <= set(told):
            del told["agreementId"]

    wrong.requests(rewrite)


@defect("beyond-the-last-page-is-the-first", "CE-FUZZ-PAGES")
def first_page_again(wrong: Wrong) -> None:
    def rewrite(request: webob.Request) -> None:
        told = request.GET
        if request.method == "GET" and told.get("offset", "").isdigit() and int(told["offset"]) > 3:
            del told["offset"]

    wrong.requests(rewrite)


@defect("a-negative-zero-is-an-index", "CE-FUZZ-INDEX")
def negative_zero(wrong: Wrong) -> None:
    """The index is read by a function that takes signs, after the signature was."""
    numbers = ("-0", "_0", "0x0", "0_0", "\t0", "\u00a00")
    index: dict[str, str] = {}

    def rewrite(request: webob.Request) -> None:
        index.clear()
        if request.path.endswith("/computeResult") and request.GET.get("index") in numbers:
            index["sent"] = request.GET["index"]
            request.GET["index"] = "0"

    proven = callers._proven

    def as_sent(sender: callers.Credentials, *parts: str) -> str:
        if index and len(parts) == 3:
            parts = (parts[0], index["sent"], parts[2])
        return proven(sender, *parts)

    wrong.requests(rewrite)
    wrong.patch(callers, "_proven", as_sent)


@defect("the-last-byte-alone-is-no-range", "CE-FUZZ-RANGE")
def last_byte(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        told = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers.get("Content-Range", ""))
        if response.status_int == 206 and told and int(told[1]) == int(told[3]) - 1:
            response.body = response.body[:0]  # read, so that its file is closed

    wrong.answers(rewrite)


@defect("outputs-without-a-dot-are-overlooked", "CE-FUZZ-OUTPUTS")
def without_a_dot(wrong: Wrong) -> None:
    """Outputs are gathered by the pattern ``*.*``."""

    def rewrite(request: webob.Request, job: dict[str, Any]) -> None:
        job["results"] = [
            one
            for one in job["results"]
            if one["type"] != "output" or "." in one["filename"] or "/" in one["filename"]
        ]

    wrong.jobs(rewrite)
