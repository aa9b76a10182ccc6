"""The payload is not valid."""
