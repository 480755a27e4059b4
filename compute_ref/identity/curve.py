"""The curve of Ethereum's keys: libsecp256k1 through coincurve, and nothing else.

A curve in pure Python recovers a signer about a hundred times slower, which would make each
request an attack; so without coincurve the server does not start.
"""

from __future__ import annotations

try:
    from coincurve import PrivateKey, PublicKey
except ImportError as missing:
    raise ImportError(
        "coincurve cannot be imported, and signatures are checked with nothing slower:"
        " pip install coincurve"
    ) from missing

__all__ = ["PrivateKey", "PublicKey"]
