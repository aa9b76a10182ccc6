"""An array reaches outside the one that it belongs to."""
