"""The unit cannot be used."""
