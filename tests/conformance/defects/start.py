"""Servers that start jobs wrongly."""
