"""Two conventions contradict each other.

## What it finds

Two conventions on one array that state different axis names, types, voxel sizes or offsets. Units are converted before
the comparison; a number without a unit may be in the other's unit or in world units. What one states and the other does
not is no contradiction, nor is a habit (ZM205) against a statement. A value whose fraction was cut off is ZM411.

## Why it matters

Each reader takes the convention that it knows, so two tools see two arrays. zmeta chooses neither: asking for the
values is an error. Mirrors for older readers that were not updated, copies of a group's scale on the array, and
conversions by hand leave such arrays.

## Example

```json
{"resolution": [40, 4, 4], "offset": [0, 0, 0], "pixelResolution": {"unit": "nm", "dimensions": [8, 8, 40]}}
```

```text
a.zarr/raw/.zattrs:14:19: error ZM401: voxel size is 40 nanometer, 8 nanometer, 8 nanometer (n5-viewer@1, from
`pixelResolution.dimensions`, reversed: the key is x-first in Zarr too) against 40, 4, 4 (daisy@1, from `resolution`)
[/pixelResolution/dimensions]; correct the wrong one; a stale copy is the usual cause
```

## What to do

Find out which one is right, and overwrite the other. `zmeta show` tells where each value stands. Once they agree,
`add_metadata` keeps all conventions of an array in step.

```json
{"resolution": [40, 4, 4], "offset": [0, 0, 0], "pixelResolution": {"unit": "nm", "dimensions": [4, 4, 40]}}
```
"""
