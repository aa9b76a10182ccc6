"""A pyramid level does not share the corner of level 0."""
