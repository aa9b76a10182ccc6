"""NaN or Infinity tokens are not JSON."""
