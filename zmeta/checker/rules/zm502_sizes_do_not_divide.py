"""The voxel sizes of two arrays do not divide each other."""
