"""A part of the document is not known to every reader of Zarr v3.

## What it finds

An array of Zarr v2 that becomes Zarr v3 with a data type or codec outside the core specification: zlib, bz2, lzma, lz4,
checksums and filters, whose names begin with `numcodecs.`; texts, dates, raw bytes and fields. It arises only when
converting.

## Why it matters

zarr-python reads these names, and they were written for it. Of others it is not to be expected: TensorStore 0.1.86
opens no array with a `numcodecs.` codec, with texts, dates or fields. It did read the same array as Zarr v2.

## Example

zlib is not gzip: it is the same compression in another frame, and Zarr v3 has only gzip.

```json
{"compressor": {"id": "zlib", "level": 1}}
```

## What to do

Ask the readers that you need. Where one of them refuses the name, write the array again with zstd, gzip or blosc, or
leave it in Zarr v2.
"""
