"""The compute-ref command."""
