"""The payload is not valid.

## What it finds

A value in the payload of `add_metadata` or in the arguments of a new array that is not what a core key may hold: a
voxel size that is no positive number, a text for a number, an abbreviated unit, a name twice, `null`. It arises only
when writing.

## Why it matters

What is written once is read for years. The payload is judged strictly, and the whole of it, before a byte changes: a
text is not a number, `nm` is not the name of a unit.

## Example

```python
zmeta.add_metadata("a.zarr/raw", {"units": ["nm", "nm", "nm"], "voxel_size": [40, 0, 4]})
```

Refused, with a finding for each of the three units and for the size, and the bytes untouched.

## What to do

Correct the payload; the hint names what is meant. To leave a key as it is, leave it out instead of passing `None`.

```python
zmeta.add_metadata("a.zarr/raw", {"units": ["nanometer"] * 3, "voxel_size": [40, 4, 4]})
```
"""
