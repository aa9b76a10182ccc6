"""The scale of a pyramid level is not stated."""
