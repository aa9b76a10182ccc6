"""The convention has no place for the value.

## What it finds

Metadata that is to be written and that the convention of the array cannot say: units in daisy, an offset in N5 viewer
or `dimension_units`, a voxel size in OME-NGFF 0.1 to 0.3, axis names in N5, two conventions that need one key with
different values. It arises only when writing.

## Why it matters

A value that is dropped in silence is lost, and one that is forced in is misread. So the write is refused, and no byte
changes.

## Example

An array with `resolution` and `offset`, which have no place for a unit:

```python
zmeta.add_metadata("a.zarr/raw", {"units": ["nanometer"] * 3})
```

```text
daisy has no place for units; leave units out, or pass convention="zmeta" to state them in that one beside
```

## What to do

State it in a further convention. What the array speaks already stays beside it and is kept in agreement:

```python
zmeta.add_metadata("a.zarr/raw", {"axes": ["z", "y", "x"], "units": ["nanometer"] * 3}, convention="zmeta")
```
"""
