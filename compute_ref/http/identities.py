"""GET nonce, GET createAuthToken, DELETE deleteAuthToken."""

from __future__ import annotations

import falcon

from compute_ref.http.parameters import query, query_or_body
from compute_ref.http.reading import Reading
from compute_ref.http.schemas import NonceQuery, TokenQuery, TokenRemoval, loaded
from compute_ref.http.senders import sender
from compute_ref.identity.addresses import checksum_address
from compute_ref.identity.callers import Credentials
from compute_ref.identity.nonces import NonceClaim, shown_nonce
from compute_ref.services import Services


class NonceResource(Reading):
    """The last nonce of an address; asking stores nothing."""

    def __init__(self, services: Services) -> None:
        self._its = services

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The smallest integer not below the last nonce, 1 for an address never seen."""
        wanted = loaded(NonceQuery, query(req))
        last = self._its.store.last_nonce(checksum_address(wanted["userAddress"]))
        resp.media = {"nonce": shown_nonce(last)}


class CreateTokenResource:
    """Makes AuthTokens. A HEAD would have to spend the nonce, so there is none."""

    def __init__(self, services: Services) -> None:
        self._its = services

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """A token of the signing address until ``expiration``."""
        wanted = loaded(TokenQuery, query(req))
        claim = _signed_claim(self._its, sender(req, wanted))
        resp.media = {"token": self._its.tokens.issue(claim, wanted["expiration"])}


class DeleteTokenResource:
    """Revokes AuthTokens."""

    def __init__(self, services: Services) -> None:
        self._its = services

    def on_delete(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Revoke a token of the signing address."""
        wanted = loaded(TokenRemoval, query_or_body(req, self._its.settings.server.max_body))
        claim = _signed_claim(self._its, sender(req, wanted))
        self._its.tokens.revoke(wanted["token"], claim)
        resp.media = {"success": "Token has been deactivated."}


def _signed_claim(services: Services, who: Credentials) -> NonceClaim:
    signed = Credentials(who.consumer_address, who.signature, who.nonce)
    claim = services.callers.spending(signed).claim
    assert claim is not None  # noqa: S101 - a signed caller always has one
    return claim
