"""The voxel sizes of two arrays do not divide each other.

## What it finds

Two arrays whose voxel sizes are, on some axis, no whole multiple of each other, where a relation in the settings asks
for it.

## Why it matters

Tools that read both on one grid, such as gunpowder, ask that the sizes divide each other. Otherwise there is no grid on
which the voxels of both begin together, and one is shifted by a fraction that changes from voxel to voxel.

## Example

In `zmeta.toml`:

```toml
[[relation]]
rule = "divides"
arrays = ["*/gt"]
of = ["*/raw"]
```

`raw` has 40, 4, 4:

```json
{"voxel_size": [40, 3, 4], "offset": [0, 0, 0]}
```

```text
a.zarr/crop/gt/zarr.json: warning ZM502: the voxel size does not divide that of crop/raw, nor the reverse, on y
(expected a multiple or a part of 4, found 3); resample one of the two, or correct its voxel size
```

## What to do

Correct the size if it is wrong. If it is right, resample one of the two arrays:

```json
{"voxel_size": [40, 4, 4], "offset": [0, 0, 0]}
```
"""
