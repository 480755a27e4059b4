"""One module for each room of the register; `compute_conformance.checking` finds them."""
