"""The version of the convention is not known."""
