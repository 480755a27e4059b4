"""The small process over each algorithm, which outlives the server.

Imported as a package of its own by ``python -I -S``, so it knows the standard library only, and
as little of it as it can: its start is part of every job.
"""
