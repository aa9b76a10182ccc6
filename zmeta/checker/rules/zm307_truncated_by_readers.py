"""Readers of this convention truncate the value.

## What it finds

A voxel size or offset that is no whole number in a convention whose own tools read whole numbers: daisy, dacapo,
funlib.persistence.

## Why it matters

gunpowder, daisy, dacapo and funlib.persistence put sizes into a `Coordinate`, which cuts the fraction off: 9.8 becomes
9, 0.36 becomes 0. Such a reader sees another array than the one that was written. zmeta reads the exact value.

## Example

```json
{"resolution": [9.8, 4, 4], "offset": [0, 0, 0]}
```

```text
a.zarr/raw/.zattrs:1:1: warning ZM307: daisy: a value is not a whole number (found [9.8, 4.0, 4.0, 0.0, 0.0, 0.0]);
gunpowder, daisy, dacapo and funlib.persistence cut the fraction off
```

## What to do

Write the values in a convention that keeps fractions, with their unit, and open the array with zmeta, in a world unit
in which all values are whole:

```python
zmeta.add_metadata("a.zarr/raw", {"axes": ["z", "y", "x"], "units": ["nanometer"] * 3}, convention="zmeta")
```

The warning stays as long as the old keys stand beside. For a reader of whole numbers, state the values in a smaller
unit: 9800, 4000, 4000 picometer.
"""
