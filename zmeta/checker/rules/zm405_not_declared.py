"""The convention is not declared.

## What it finds

An array with `axes` and `voxel_size`, the keys of zmeta's layout, without its entry in `zarr_conventions`.

## Why it matters

The keys are read as zmeta's, by their looks. A declaration says it: the framework of Zarr conventions asks that a
convention is declared by its uuid, so that nobody has to guess.

## Example

```json
{"axes": ["z", "y", "x"], "units": ["nanometer", "nanometer", "nanometer"], "voxel_size": [40, 4, 4], "offset": [0, 0, 0]}
```

```text
a.zarr/raw/zarr.json:1:1: note ZM405: zmeta: the keys of the layout are there, its entry in `zarr_conventions` is not;
any write through zmeta declares it
```

## What to do

Nothing has to be done. Any change through zmeta adds the entry:

```python
zmeta.add_metadata("a.zarr/raw", {"units": ["nanometer"] * 3})
```
"""
