"""A value is not a positive finite number."""
