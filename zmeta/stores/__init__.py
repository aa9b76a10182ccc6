"""Bytes by path: the only place that touches files."""
