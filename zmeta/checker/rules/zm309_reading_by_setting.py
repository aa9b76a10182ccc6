"""The reading of the values rests on a setting or a habit.

## What it finds

A value that is read as a setting or a habit says, because the format leaves it open: the translation of an OME-NGFF
image (corner or centre of the first voxel), and `resolution` and `offset` in N5 (x-first), where the direction makes a
difference.

## Why it matters

OME-NGFF 0.1 to 0.5 do not say what a translation is the place of. The lab tools of connectomics take the corner;
neuroglancer, n5-universe, ngff-zarr and OME-NGFF 0.6 the centre. The two differ by half a voxel. In N5, gunpowder and
daisy write x-first; scripts may have written z-first.

## Example

```json
[{"type": "scale", "scale": [2, 0.5, 0.5]}, {"type": "translation", "translation": [300, 100, 100]}]
```

```text
em.zarr/zarr.json:28:44: note ZM309: ome-ngff: the translation is read as the corner of voxel 0 by the default
(setting `ome_anchor`) [/attributes/ome/multiscales/0/datasets/0/coordinateTransformations]
```

## What to do

Say in `zmeta.toml` what your files mean; one decision for all files of a kind:

```toml
[[override]]
match = ["*/cellmap/*"]
ome_anchor = "centre"
```
"""
