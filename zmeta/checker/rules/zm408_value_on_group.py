"""The value stands on the group above."""
