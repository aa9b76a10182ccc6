"""Axis names are wrong.

## What it finds

Axis names that are missing, that are not all texts, or of which two are the same; types that are not texts.

## Why it matters

Readers find an axis by its name. OME-NGFF demands a name for every axis, and that no name stands twice. Zarr v3 itself
lets `dimension_names` repeat or leave out names; that is no error, and such names are not used (ZM206).

## Example

```json
{"axes": "zyy", "resolution": [40, 4, 4], "offset": [0, 0, 0]}
```

```text
a.zarr/raw/.zattrs:2:11: error ZM202: dacapo: axis names must differ from each other (found ["z", "y", "y"]) [/axes]
```

## What to do

Give each axis a name of its own, in the order of the array's indices:

```json
{"axes": ["z", "y", "x"], "resolution": [40, 4, 4], "offset": [0, 0, 0]}
```
"""
