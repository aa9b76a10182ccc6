"""The name is reserved by the container.

## What it finds

A payload of `add_metadata` for an N5 array with a key that N5 keeps for itself: `dimensions`, `blockSize`, `dataType`,
`compression`, `compressionType` or `n5`. It arises only when writing.

## Why it matters

In N5 the attributes of the user and the description of the array share one object. An attribute called `dimensions`
replaces the shape, and the data cannot be read any more. zarr-python's N5 store lets that happen.

## Example

```python
zmeta.add_metadata("a.n5/raw", {"dimensions": ["x", "y", "z"], "stain": "OTO"})
```

Refused; the shape is still there.

## What to do

Choose another name, or put the value one level deeper:

```python
zmeta.add_metadata("a.n5/raw", {"source": {"dimensions": ["x", "y", "z"]}, "stain": "OTO"})
```
"""
