"""The name is reserved by the container."""
