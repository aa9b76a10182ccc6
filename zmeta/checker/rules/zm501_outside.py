"""An array reaches outside the one that it belongs to.

## What it finds

An array whose region is not inside that of the array it belongs to. It is looked for only where a relation in the
settings asks for it, among the arrays of one container that are nearest to each other in the tree. Arrays with errors
are not compared.

## Why it matters

A label volume or a crop outside of its raw data has lost its offset, or has it in another unit, or with another voxel
size. Each array alone is sound; training on the pair is not.

## Example

In `zmeta.toml`:

```toml
[[relation]]
rule = "inside"
arrays = ["*/gt"]
of = ["*/raw"]
```

`gt` begins before `raw`, which begins at 0:

```json
{"voxel_size": [40, 4, 4], "offset": [-40, 0, 0]}
```

```text
a.zarr/crop/gt/zarr.json: warning ZM501: the array reaches outside crop/raw on z (expected z: 0 to 1600, found z: -40
to 360); correct offset or voxel size of one of the two
```

## What to do

Correct the offset of the array:

```python
zmeta.add_metadata("a.zarr/crop/gt", {"offset": [0, 0, 0]})
```
"""
