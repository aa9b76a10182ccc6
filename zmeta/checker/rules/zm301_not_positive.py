"""A value is not a positive finite number.

## What it finds

A voxel size, scale or factor that is zero, negative, no number, or out of all bounds; a list of them that is no list;
an entry of `dimension_units` that is no size and unit. The scale of a channel is not looked at.

## Why it matters

An array of voxels without extent has an empty region. A text such as `"4"` is a number to some readers and an error to
others. Sizes become 0 where a reader of whole numbers rewrites 0.36.

## Example

```json
{"resolution": [40, 0, 4], "offset": [0, 0, 0]}
```

```text
a.zarr/raw/.zattrs:4:5: error ZM301: daisy: `resolution` is wrong (expected a positive finite number, found 0)
[/resolution/1]
```

## What to do

`zmeta check --fix` takes the quotes off a plain decimal, digit for digit. A zero must be replaced by the true size,
which only you know. If it is not known, take the key away: absent is better than wrong.

```json
{"resolution": [40, 4, 4], "offset": [0, 0, 0]}
```
"""
