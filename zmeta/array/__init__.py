"""Arrays in world units: `ZarrArray`, and the one module that turns exact metadata into integers."""
