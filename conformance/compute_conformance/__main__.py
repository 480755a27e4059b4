"""``python -m compute_conformance`` is the compute-conformance command."""

from compute_conformance.cli import main

if __name__ == "__main__":
    main()
