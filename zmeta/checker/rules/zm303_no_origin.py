"""No origin is stated.

## What it finds

An array with a voxel size whose metadata does not say where it begins. OME-NGFF is not meant: there a missing
translation is one of 0.

## Why it matters

N5 viewer, neuroglancer N5 and `dimension_units` store no origin. Its readers differ: n5-universe puts the centre of the
first voxel at 0, neuroglancer its corner. zmeta takes the corner at 0. A crop that has lost its offset lies at the
wrong place without any error.

## Example

```json
{"resolution": [40, 4, 4]}
```

```text
a.zarr/raw/.zattrs:1:1: note ZM303: daisy: no origin is stated, the ROI begins at 0
```

## What to do

State it where the convention has a place for it, also if it is 0. In N5, COSEM has one.

```json
{"resolution": [40, 4, 4], "offset": [0, 0, 0]}
```
"""
