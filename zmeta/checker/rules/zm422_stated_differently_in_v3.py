"""A part of the document is stated differently in Zarr v3.

## What it finds

A statement of a `.zarray` that has to change with the format, while the pixels stay: a fill value of `null`, which
becomes the one that readers use in its place; the number 0 as the fill value of texts, which becomes the text `0`; a
chunk of no elements along a dimension of no elements, which becomes one element; a key that Zarr does not know, which is
kept below `zarr_v2`. It arises only when converting.

## Why it matters

Zarr v3 demands a fill value and forbids unknown keys, unless they say that a reader may pass over them. The values are
all there, but a program that looks for the old key does not find it.

## Example

```json
{"fill_value": null, "scanner": "SEM-3"}
```

becomes

```text
{"fill_value": 0, "zarr_v2": {"must_understand": false, "keys": {"scanner": "SEM-3"}}}
```

## What to do

Nothing, if no program of yours reads the old key. Otherwise change it to look below `zarr_v2`.
"""
