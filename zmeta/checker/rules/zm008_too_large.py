"""The document is larger than the limit."""
