"""A transformation cannot be read as voxel size and offset.

## What it finds

Transformations of an OME-NGFF level that are missing, that have no scale, that are no list, or that hold something else
than scale, translation and identity with their numbers (affine, rotation, numbers in a file). In N5: an
`affineTransform`.

## Why it matters

OME-NGFF 0.4 and 0.5 demand transformations on every level: exactly one scale, at most one translation, nothing else. An
affine transformation may turn or shear, which a voxel size and an offset cannot say; zmeta does not flatten it.

## Example

A scale without its `type`:

```json
{"path": "s0", "coordinateTransformations": [{"scale": [2, 1, 1]}]}
```

```text
em.zarr/.zattrs:26:40: error ZM305: ome-ngff: a level must have a scale (found [{"scale": [2, 1, 1]}])
[/multiscales/0/datasets/0/coordinateTransformations]
```

## What to do

Write the scale with its type, and the translation after it. Units belong to the axes (copick before July 2025 put them
here):

```json
{"path": "s0", "coordinateTransformations": [{"type": "scale", "scale": [2, 1, 1]}]}
```

An image with a true affine transformation needs OME-NGFF 0.6, or its data resampled.
"""
