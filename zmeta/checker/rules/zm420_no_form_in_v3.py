"""The document has no form in Zarr v3.

## What it finds

An array or a group of Zarr v2 that is to become Zarr v3 and cannot, because the same chunks could not be read any more:
objects that are neither texts nor bytes, long doubles, fields that are big-endian or nested, a compressor or filter that
zarr-python has no codec of Zarr v3 for, filters that hand on another data type than the next one is set for, a fill
value that the data type cannot hold, an unknown key in a `.zgroup`. It arises only when converting.

## Why it matters

The conversion changes documents and no chunk. A document that describes the chunks wrongly gives wrong pixels. So
nothing is written, and the array stays as it is.

## Example

A list of numbers in each element:

```json
{"dtype": "|O", "filters": [{"id": "vlen-array", "dtype": "<i4"}]}
```

## What to do

Read the array with the program that wrote it, and write it again with a data type and codecs that Zarr v3 has. Or leave
it in Zarr v2, which zarr-python 3 reads as well.
"""
