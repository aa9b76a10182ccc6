"""Two copies of the same metadata differ."""
