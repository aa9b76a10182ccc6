"""Axis names are not stated and are taken from the habit of the convention.

## What it finds

An array with a voxel size and without axis names, whose convention has a habit for them: channels first, then z, y, x
(or y, x, or x).

## Why it matters

gunpowder, daisy and N5 viewers store no names, and all their tools read such arrays so. It is a habit, not a statement:
an array of another order is read wrong, and no tool can notice.

## Example

```json
{"resolution": [40, 4, 4], "offset": [0, 0, 0]}
```

```text
a.zarr/raw/.zattrs:1:1: note ZM205: daisy: axis names are not stated; taken as z y x; state them:
add_metadata({"axes": […]})
```

## What to do

State the names. In Zarr they are written beside what is there (`dimension_names`, or `_ARRAY_DIMENSIONS` in v2):

```python
zmeta.add_metadata("a.zarr/raw", {"axes": ["z", "y", "x"]})
```
"""
