"""The convention has no place for the value."""
