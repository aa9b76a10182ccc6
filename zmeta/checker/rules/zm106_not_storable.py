"""The value cannot be stored as JSON."""
