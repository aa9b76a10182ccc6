"""The unit does not fit the type of its axis."""
