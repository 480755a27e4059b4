"""Runs algorithms as processes of this machine, sandboxed where bubblewrap works."""
