"""The document cannot be read as JSON."""
