"""The file and the reader name the axes differently.

## What it finds

A `ZarrArray` that is opened with axis names other than those that the file states. The names that are given are used.
It arises only where a program passes names, not in `zmeta check`.

## Why it matters

Voxel size and offset belong to axes. If the program is wrong about the order, it takes the size of z for that of x.

## Example

The file states z, y, x:

```python
config = zmeta.ZarrArrayConfig(file_name="a.zarr", dataset="raw", axes=["x", "y", "z"])
zmeta.ZarrArray(config).findings
```

## What to do

Leave `axes` out where the file states names, or correct the file:

```python
zmeta.add_metadata("a.zarr/raw", {"axes": ["x", "y", "z"]})
```
"""
