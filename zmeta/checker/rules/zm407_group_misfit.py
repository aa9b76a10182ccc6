"""The metadata of the group does not fit the array."""
