"""The order of the values cannot be told."""
