"""Which algorithm may meet which data: catalogue, files, trust, orders."""
