"""The document is nested deeper than the limit."""
