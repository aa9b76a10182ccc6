"""One unit stands for all axes.

## What it finds

`units` that is one text where a list with a unit per axis belongs. It is read as the unit of all axes of space.

## Why it matters

funlib.persistence ends with an error on `"units": "nm"`, and a time axis beside the others gets no unit. The single
`unit` of N5 tools is meant so, and is not reported.

## Example

```json
{"offset": [400, 800, 800], "voxel_size": [40, 4, 4], "axis_names": ["c^", "z", "y", "x"], "units": "nm"}
```

```text
a.zarr/raw/.zattrs:18:12: warning ZM209: funlib-persistence: one unit stands for all axes (expected a list, one unit
per axis, found "nm") [/units]
```

## What to do

Write one unit per physical axis:

```json
{"offset": [400, 800, 800], "voxel_size": [40, 4, 4], "axis_names": ["c^", "z", "y", "x"], "units": ["nm", "nm", "nm"]}
```
"""
