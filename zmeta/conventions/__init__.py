"""Conventions: how tools write axes, voxel size and offset into attributes. One folder each; `registry.py` lists them."""
