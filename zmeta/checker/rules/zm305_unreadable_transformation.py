"""A transformation cannot be read as voxel size and offset."""
