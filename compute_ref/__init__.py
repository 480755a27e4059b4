"""The reference implementation of the Ocean Provider Compute Endpoints."""
