"""A convention is recognised but cannot be decoded."""
