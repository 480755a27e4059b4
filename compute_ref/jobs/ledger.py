"""What is accepted once: nonces, orders, messages; and which tokens are revoked.

Each method is called inside a batch of the store, so that what is spent here and what it pays
for become one record. All but the messages outlive every job.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from compute_ref.assets.plan import Order
from compute_ref.identity.nonces import NonceClaim
from compute_ref.jobs.tables import JournalDB
from compute_ref.refusals import NonceUsed, Refused
from compute_ref.settings import DAY

SPARE: Final = 30 * DAY  #: seconds by which a clock may be ahead of time and set back again


class Ledger:
    """The tables ``nonces``, ``orders``, ``messages`` and ``tokens``."""

    def __init__(self, db: JournalDB) -> None:
        self._nonces = db.journal_table("nonces")
        self._orders = db.journal_table("orders")
        self._messages = db.journal_table("messages")
        self._tokens = db.journal_table("tokens")

    def last_nonce(self, address: str) -> str | None:
        """The last nonce accepted from `address`."""
        entry = self._nonces.read(address)
        return None if entry is None else str(entry["nonce"])

    def spend(self, claim: NonceClaim | None) -> None:
        """Accept the claim, or raise NonceUsed; None is a call that spends none."""
        if claim is None:
            return
        last = self.last_nonce(claim.address)
        if last is not None and claim.value <= Decimal(last):
            raise NonceUsed
        self._nonces.put(claim.address, {"nonce": claim.nonce})

    def used(self, digest: str) -> bool:
        """Whether the message of this digest is never to be accepted again."""
        return self._messages.read(digest) is not None

    def use(self, digest: str, job_id: str) -> None:
        """Never accept the message of this digest again, as long as there is the job."""
        self._messages.put(digest, {"job": job_id})

    def forget(self, digests: Iterable[str]) -> None:
        """The job is gone, and with it what the messages could be used for."""
        self._messages.drop(list(digests))

    def refuses(self, order: Order, now: float) -> bool:
        """Whether the order is bound to something else, or has outlived its service's timeout."""
        entry = self._orders.read(order.transaction)
        if entry is None:
            return False
        if (entry["documentId"], entry["serviceId"], entry["consumer"]) != _binding(order):
            return True
        return 0 < order.lifetime < now - float(entry["firstUsed"])

    def bind(self, orders: Iterable[Order], now: float) -> None:
        """Bind each order, or raise Refused for the first that cannot be."""
        for order in orders:
            if self.refuses(order, now):
                raise Refused({order.resource: order.code})
            if self._orders.read(order.transaction) is None:
                document_id, service_id, consumer = _binding(order)
                fields = {
                    "documentId": document_id,
                    "serviceId": service_id,
                    "consumer": consumer,
                    "firstUsed": now,
                }
                self._orders.put(order.transaction, fields)

    def revoke(self, token_id: str, expires: float) -> None:
        """Remember a revoked token until it would expire anyway."""
        self._tokens.put(token_id, {"expires": expires})

    def restore(self, token_id: str) -> None:
        """Forget that a token was revoked."""
        self._tokens.drop([token_id])

    def is_revoked(self, token_id: str) -> bool:
        """Whether the token is revoked."""
        return self._tokens.read(token_id) is not None

    def forget_tokens(self, now: float) -> None:
        """Drop revocations of tokens that have expired long ago, whatever the clock went through.

        One that is dropped while the clock is ahead of time would give the token its life back.
        """
        known = self._tokens.summaries()
        self._tokens.drop([key for key, (expires,) in known.items() if expires + SPARE < now])


def _binding(order: Order) -> tuple[str, str, str]:
    return order.document_id, order.service_id, order.consumer
