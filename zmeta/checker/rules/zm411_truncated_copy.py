"""One of two values is the other with its fraction cut off.

## What it finds

Two conventions on one array whose voxel sizes or offsets would be the same, had one of them not lost its fraction: 9.8
against 9, 10.5 against 10.

## Why it matters

Tools that put numbers into whole ones cut the fraction off and write the rest back: daisy, gunpowder and
funlib.persistence do so with a `Coordinate`. The values with the fraction are nearly always the true ones. Over 1000
sections, 9 for 9.8 is an error of 800 nanometer.

## Example

```json
{"resolution": [9, 4, 4], "offset": [0, 0, 0], "pixelResolution": {"unit": "nm", "dimensions": [4, 4, 9.8]}}
```

## What to do

Overwrite the copy that was cut off, or take it away:

```json
{"resolution": [9.8, 4, 4], "offset": [0, 0, 0], "pixelResolution": {"unit": "nm", "dimensions": [4, 4, 9.8]}}
```
"""
