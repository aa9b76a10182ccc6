"""Axis names or types are a guess."""
