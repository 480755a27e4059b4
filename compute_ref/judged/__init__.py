"""What a conformance suite must know of this server, and the assets that it asks for.

The suite and this server share no code: they agree on a profile in TOML and on DDOs whose
services say their role in ``additionalInformation.conformanceRole`` (docs/conformance.md).
"""
