"""Steps of funlib.persistence."""
