"""The reading of the values rests on a setting or a habit."""
