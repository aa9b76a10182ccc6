"""Axis names are wrong."""
