"""A failure in other hands: the requests by curl, and the check as a file of pytest."""
