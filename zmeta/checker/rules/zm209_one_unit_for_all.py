"""One unit stands for all axes."""
