"""An identity is stated in the place of a scale."""
