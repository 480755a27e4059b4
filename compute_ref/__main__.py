"""``python -m compute_ref`` is the compute-ref command."""

from compute_ref.cli import main

if __name__ == "__main__":
    main()
