"""The unit does not fit the type of its axis.

## What it finds

A unit of time on an axis of space, or a unit of space on an axis of time. A unit that is no listed name is left to
ZM204, and the unit of a channel is not looked at.

## Why it matters

Sizes in seconds and sizes in micrometer cannot be compared or converted. Mostly the units stand in another order than
the axes, or the type is wrong.

## Example

```json
{"name": "z", "type": "space", "unit": "second"}
```

```text
em.zarr/zarr.json:12:23: error ZM203: ome-ngff: the unit does not fit an axis of space (expected a unit of space,
found "second") [/attributes/ome/multiscales/0/axes/0/unit]
```

## What to do

Correct the unit, or the type:

```json
{"name": "z", "type": "space", "unit": "micrometer"}
```
"""
