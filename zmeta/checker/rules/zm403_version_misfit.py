"""The stated version does not fit the content."""
