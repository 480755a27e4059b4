"""A model of accounts, nonces, jobs and results, and programs that compare a target with it."""
