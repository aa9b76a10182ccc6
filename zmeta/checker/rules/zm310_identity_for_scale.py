"""An identity is stated in the place of a scale.

## What it finds

An OME-NGFF level with an `identity` and no scale, neither on the level nor on the image. Its voxel size is absent.

## Why it matters

The text of 0.4 and 0.5 demands a scale on every level, and does not allow an identity there. iohub up to 0.2 wrote
identities at both places. Read as a scale of 1, an array of unknown size seems to have been measured.

## Example

```json
{"path": "s0", "coordinateTransformations": [{"type": "identity"}]}
```

```text
em.zarr/.zattrs:26:40: warning ZM310: ome-ngff: only an identity is stated, so the voxel size is absent
[/multiscales/0/datasets/0/coordinateTransformations]; a level must have a scale
```

## What to do

Write the scale of each level. Where no size is known, the text asks for the ratio to level 0, which itself has 1; then
the axes get no unit.

```json
{"path": "s0", "coordinateTransformations": [{"type": "scale", "scale": [2, 0.5, 0.5]}]}
```
"""
