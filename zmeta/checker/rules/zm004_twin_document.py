"""A second document describes the same node."""
