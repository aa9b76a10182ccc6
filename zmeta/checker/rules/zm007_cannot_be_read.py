"""A document or folder cannot be read."""
