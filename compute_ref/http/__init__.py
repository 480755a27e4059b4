"""What the wire sees: calls, schemas, and how refusals read as answers."""
