"""The value cannot be stored as JSON.

## What it finds

A value in a payload that JSON cannot hold: NaN, an infinity, bytes, a set, a key that is no text, a fraction without a
finite decimal, an object that holds itself. It arises only when writing.

## Why it matters

Other libraries write `NaN`, which is not JSON (ZM002), or turn a value into a text that nobody can turn back. zmeta
converts what can be converted exactly (NumPy values, `Coordinate`, tuples, `Decimal`, paths, dates, enums, pydantic
models) and refuses the rest.

## Example

```python
zmeta.add_metadata("a.zarr/raw", {"mean": float("nan"), "labels": {1, 2}})
```

## What to do

Say in JSON what is meant: `None` for what is not known, a list for a set, a decimal for a fraction.

```python
zmeta.add_metadata("a.zarr/raw", {"mean": None, "labels": [1, 2]})
```
"""
