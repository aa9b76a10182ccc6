"""Nodes: arrays and groups of Zarr v2, Zarr v3 and N5, as the documents that describe them."""
