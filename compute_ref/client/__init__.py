"""A client of the compute endpoints, for any server that has them."""

from compute_ref.client.algorithms import Asset, RawCode
from compute_ref.client.client import ComputeClient
from compute_ref.client.errors import (
    AnswerUnusable,
    CallRefused,
    ClientError,
    OrderNeeded,
    ServerUnreachable,
)
from compute_ref.client.following import follow, is_final, phases, succeeded

__all__ = [
    "AnswerUnusable",
    "Asset",
    "CallRefused",
    "ClientError",
    "ComputeClient",
    "OrderNeeded",
    "RawCode",
    "ServerUnreachable",
    "follow",
    "is_final",
    "phases",
    "succeeded",
]
