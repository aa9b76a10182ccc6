"""Readers of this convention truncate the value."""
