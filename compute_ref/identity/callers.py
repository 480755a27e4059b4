"""Who is asking: a signature over exactly what was sent, or an AuthToken.

Nothing is stored here. A caller carries a claim on its nonce, which the store accepts together
with the effect that it pays for; so a refused request spends nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final, Protocol

from compute_ref.identity.addresses import checksum_address
from compute_ref.identity.nonces import NonceClaim, parse_nonce, shown_nonce
from compute_ref.identity.signatures import message_digest, recover
from compute_ref.identity.tokens import Tokens
from compute_ref.refusals import Malformed, NonceUsed, SignatureInvalid

MOST_REMEMBERED: Final = 4096  # readers
LONGEST_REMEMBERED: Final = 128  # characters of a jobId


class NonceBook(Protocol):
    """Where the last accepted nonces are kept."""

    def last_nonce(self, address: str) -> str | None:
        """The last nonce accepted from `address`, or None."""

    def message_used(self, digest: str) -> bool:
        """Whether the message of this digest paid for a call on a job and could be read anew."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request says of its sender, each text exactly as sent; "" is absent."""

    consumer_address: str
    signature: str = ""
    nonce: str = ""
    token: str = ""

    @property
    def address(self) -> str:
        """The consumer's address in checksum case."""
        return checksum_address(self.consumer_address)

    @property
    def sent(self) -> bool:
        """Whether anything was sent that could prove the sender."""
        return bool(self.signature or self.token)


@dataclass(frozen=True, slots=True)
class Caller:
    """A proven sender. `claim` is None where the call spends no nonce.

    `digest` is that of the signed message in hex, "" with a token; `by_token` tells them apart.
    """

    address: str
    claim: NonceClaim | None
    digest: str = ""
    by_token: bool = False


class Callers:
    """Tells who is asking. `legacy` accepts what ocean.js 3.x signs (reading R5)."""

    def __init__(self, book: NonceBook, tokens: Tokens, legacy: bool) -> None:
        self._book = book
        self._tokens = tokens
        self._legacy = legacy
        self._reader_before = lru_cache(MOST_REMEMBERED)(_reader)

    def spending(self, sender: Credentials, job_id: str = "", further: str = "") -> Caller:
        """The sender of a call that spends its nonce.

        Signed are address, `job_id`, `further` (documentId or index) and nonce, "" for what was
        not sent. A message that paid for the download of a later result is refused however it is
        split: index 1 and nonce 5 read as nonce 15 would be leave to delete the job. Raises
        SignatureInvalid, NonceUsed, or Malformed where something needed is missing.
        """
        if not sender.signature and sender.token:
            return self._by_token(sender, comparing=True)
        require("signature", sender.signature)
        require("nonce", sender.nonce)
        value = parse_nonce(sender.nonce)
        digest = _proven(sender, job_id, further, sender.nonce)
        self._fresh(sender.address, value)
        if job_id and self._book.message_used(digest):
            raise NonceUsed
        return Caller(sender.address, NonceClaim(sender.address, sender.nonce), digest)

    def stopping(
        self, sender: Credentials, job_id: str, document_id: str, first_run: Callable[[], bool]
    ) -> Caller:
        """The sender of PUT; `first_run` tells whether job_id is the sender's, in its first run.

        ocean.js 3.3.3 and later sign consumerAddress and jobId alone. The nonce beside such a
        signature is nobody's word, so it is neither compared nor stored.
        """
        short = sender.consumer_address + job_id
        if (
            self._legacy
            and job_id
            and sender.signature
            and recover(short, sender.signature) == sender.address
            and first_run()
        ):
            return Caller(sender.address, None, message_digest(short).hex())
        return self.spending(sender, job_id, document_id)

    def deleting(
        self, sender: Credentials, job_id: str, document_id: str, own: Callable[[], bool]
    ) -> Caller:
        """The sender of DELETE; `own` tells whether job_id is the sender's job.

        ocean.js 3.x signs with the next nonce that it would use and does not send it; that
        implied nonce is spent.
        """
        if self._legacy and job_id and sender.signature and not sender.nonce and own():
            implied = shown_nonce(self._book.last_nonce(sender.address)) + 1
            sender = Credentials(sender.consumer_address, sender.signature, str(implied))
        return self.spending(sender, job_id, document_id)

    def reading(self, sender: Credentials, job_id: str, document_id: str) -> Caller | None:
        """The sender of GET compute, or None where nothing was sent to prove one (reading R4).

        A nonce is signed but neither compared nor spent; that leaves a signature which could be
        used again, so it opens one named job and never a list.
        """
        if not sender.sent:
            return None
        if not sender.signature:
            return self._by_token(sender, comparing=False)
        if not job_id:
            raise SignatureInvalid(
                "A signature opens the signed view of one job: send its jobId too,"
                " or an AuthToken for a list, or no signature for the public view."
            )
        if sender.nonce:
            parse_nonce(sender.nonce)
        reader = self._reader_before if len(job_id) <= LONGEST_REMEMBERED else _reader
        alone = Credentials(sender.consumer_address, sender.signature, sender.nonce)
        return reader(alone, job_id, document_id)

    def _by_token(self, sender: Credentials, *, comparing: bool) -> Caller:
        if not self._tokens.opens(sender.token, sender.address):
            raise SignatureInvalid
        if sender.nonce:
            value = parse_nonce(sender.nonce)
            if comparing:
                self._fresh(sender.address, value)
        return Caller(sender.address, None, by_token=True)

    def _fresh(self, address: str, value: Decimal) -> None:
        last = self._book.last_nonce(address)
        if last is not None and value <= Decimal(last):
            raise NonceUsed


def _reader(sender: Credentials, job_id: str, document_id: str) -> Caller:
    """Who proves to be the reader of one job: a client may ask for it with one signature often."""
    return Caller(sender.address, None, _proven(sender, job_id, document_id, sender.nonce))


def _proven(sender: Credentials, *parts: str) -> str:
    """The hex digest of the message that the sender signed, or SignatureInvalid."""
    message = "".join((sender.consumer_address, *parts))
    if recover(message, sender.signature) != sender.address:
        raise SignatureInvalid
    return message_digest(message).hex()


def require(field: str, value: str) -> None:
    """Malformed with the sentence that clients know, where `value` is absent."""
    if not value:
        raise Malformed({field: [f"The {field} field is required."]})
