"""No origin is stated."""
