"""A list does not fit the number of axes."""
