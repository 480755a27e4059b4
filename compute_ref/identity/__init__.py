"""Who is asking: addresses, signatures, nonces, tokens."""
