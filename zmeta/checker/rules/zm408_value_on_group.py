"""The value stands on the group above.

## What it finds

An array without metadata of its own below a group that has `resolution` and `offset`. They are read for the array.

## Why it matters

funlib.persistence 0.3 and 0.4 looked there too; gunpowder, daisy and later releases do not, and take a voxel size of 1.
The numbers hold for all arrays of the group, whether they are meant or not.

## Example

`.zattrs` of the group:

```json
{"resolution": [40, 4, 4], "offset": [0, 0, 0]}
```

```text
a.zarr/.zattrs:2:17: warning ZM408: daisy: `resolution` and `offset` stand on the group above [/resolution]
```

## What to do

State the values on the array:

```python
core = {"axes": ["z", "y", "x"], "voxel_size": [40, 4, 4], "offset": [0, 0, 0]}
zmeta.add_metadata("a.zarr/raw", core, convention="zmeta")
```
"""
