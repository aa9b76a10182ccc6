"""A list does not fit the number of axes.

## What it finds

A list that does not have one entry per axis, or per physical axis, of the array: names, types, units, voxel size,
offset, scale, translation, factors, `dimension_names`. Also an offset that speaks of other axes than the voxel size.
Lists of sizes may leave the channels out, or hold an entry for every axis.

## Why it matters

Nobody can tell which axis an entry belongs to. In OME-NGFF the number of axes must be that of the dimensions of every
level, and a scale or translation must have one number per axis. funlib.persistence 0.3 and 0.4 wrote three axes for
arrays with channels.

## Example

```json
{"type": "scale", "scale": [4, 1]}
```

```text
em.zarr/zarr.json:44:28: error ZM201: ome-ngff: `scale` does not fit the axes (expected 3 values, one per axis, found
[4, 1]) [/attributes/ome/multiscales/0/datasets/1/coordinateTransformations/0/scale]
```

## What to do

Write one number per axis, in the order of the axes. A channel has the scale 1:

```json
{"type": "scale", "scale": [4, 1, 1]}
```
"""
