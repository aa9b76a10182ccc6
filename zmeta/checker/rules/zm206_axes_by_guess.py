"""Axis names or types are a guess.

## What it finds

Names or types of axes that the file does not state well enough, and that are taken from what is likely: four physical
axes without names (read as t, z, y, x), OME-NGFF axes without a `type`, `dimension_names` with repeated or missing
names, an OME-NGFF 0.1 or 0.2 image whose arrays do not have the five axes of these versions, sizes that are fewer than
the named axes.

## Why it matters

Nothing but the names or the counts speaks for this reading. OME-NGFF says that the type of an axis should be stated,
and that two or three axes must be of type space.

## Example

```json
{"axes": [{"name": "z"}, {"name": "y"}, {"name": "x"}]}
```

```text
em.zarr/.zattrs:6:15: warning ZM206: ome-ngff: no type is stated for z, y, x; understood from the names
[/multiscales/0/axes]; state "type": "space", "time" or "channel"
```

## What to do

State names and types:

```json
{"axes": [{"name": "z", "type": "space"}, {"name": "y", "type": "space"}, {"name": "x", "type": "space"}]}
```
"""
