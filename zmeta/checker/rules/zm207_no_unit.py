"""No unit is stated.

## What it finds

An axis of space or time that has a voxel size and no unit. `""`, `"pixel"` and the like count as none.

## Why it matters

A bare number is in whatever unit its reader assumes: nanometer in connectomics, micrometer in microscopy, pixel in
n5-universe. zmeta invents none. In regions such a value is taken to be in world units already (nanometer and
millisecond, unless set otherwise). gunpowder, daisy and dacapo have no place for a unit; bioformats2raw leaves it out
where it is not known.

## Example

```json
{"resolution": [40, 4, 4], "offset": [0, 0, 0]}
```

```text
a.zarr/raw/.zattrs:1:1: note ZM207: no unit is stated for z, y, x; values are taken in world units; state it:
add_metadata({"units": […]})
```

## What to do

State it if you know it. Where the convention of the array has no place for units, `convention` states them in another
one beside:

```python
zmeta.add_metadata("a.zarr/raw", {"axes": ["z", "y", "x"], "units": ["nanometer"] * 3}, convention="zmeta")
```
"""
