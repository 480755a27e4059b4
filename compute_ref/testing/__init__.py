"""The whole server inside another project's tests."""
