"""The document begins with a byte-order mark."""
