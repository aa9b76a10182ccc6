"""No unit is stated."""
