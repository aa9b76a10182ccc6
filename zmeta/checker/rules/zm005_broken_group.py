"""A document above the node cannot be read."""
