"""The convention is not declared."""
