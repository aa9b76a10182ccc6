"""A second document describes the same node.

## What it finds

Documents of two formats in one folder: `zarr.json` beside `.zarray` or `.zgroup`, or one of these beside
`attributes.json`.

## Why it matters

Readers differ on which one they take: zarr-python 3 takes `zarr.json` and warns, zarr-python 2 and older viewers take
`.zarray`. A change to one of them is not seen by the others. `zarr migrate v3` leaves the v2 documents in place unless
it is told `--remove-v2-metadata`. zmeta reads `zarr.json` first, then `.zarray` and `.zgroup`, then `attributes.json`.

## Example

A folder after `zarr migrate v3` holds `zarr.json` and still `.zarray`:

```json
{"dimension_separator": "/", "dtype": "|u1", "shape": [40, 128, 128], "zarr_format": 2}
```

```text
a.zarr/raw/.zarray:1:1: warning ZM004: the node is read as Zarr v3, and a document of another format stands beside;
remove the one that is out of date
```

## What to do

Make sure that both say the same, then remove the documents of the format that is no longer used:

```console
$ rm a.zarr/raw/.zarray a.zarr/raw/.zattrs
```
"""
