"""A pyramid level does not share the corner of level 0.

## What it finds

A level of an OME-NGFF image whose translation is neither that of level 0 nor moved from it by half of what the voxel
has grown.

## Why it matters

Levels of a pyramid show the same piece of the world. A level that was binned has the translation `t_0 + (s_k - s_0) /
2` where translations are centres, and `t_0` where they are corners. With any other value, one reading or the other, the
level lies beside level 0. Writers that leave such values: early ngff-zarr (a translation of 1.0 on lower levels),
translations in voxels instead of world units.

## Example

Level 0 has the scale 2, 0.5, 0.5 and no translation; level 1:

```json
[{"type": "scale", "scale": [4, 1, 1]}, {"type": "translation", "translation": [10, 0.25, 0.25]}]
```

```text
em.zarr/zarr.json:41:44: warning ZM304: ome-ngff: the translation of level 1 does not share the corner of level 0 on z
[/attributes/ome/multiscales/0/datasets/1/coordinateTransformations]; a binned level has t_0 + (s_k - s_0)/2, or t_0
```

## What to do

Correct the translation. Levels made by taking each n-th voxel, from an offset, may truly lie elsewhere; then the
finding is right and can stay.

```json
[{"type": "scale", "scale": [4, 1, 1]}, {"type": "translation", "translation": [1, 0.25, 0.25]}]
```
"""
