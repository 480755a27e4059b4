"""Deliberately wrong servers: the reference with one defect each, as data."""
