"""The version of the convention is not known.

## What it finds

An array that declares the layout of zmeta by its uuid, with a `schema_url` that is not that of a known version.

## Why it matters

What a declared layout means is told by its schema. A version that is not known is never read as the nearest one:
nothing of the array is decoded. It was written by a later zmeta, or the address was changed.

## Example

```json
{"uuid": "15cb68dc-be15-4be5-97f6-9fa7d4985563", "name": "zmeta",
 "schema_url": "https://zmeta.github.io/zmeta/schemas/zmeta/2.0/array.schema.json"}
```

## What to do

Update zmeta. If the keys are those of 1.0, declare that:

```json
{"uuid": "15cb68dc-be15-4be5-97f6-9fa7d4985563", "name": "zmeta",
 "schema_url": "https://zmeta.github.io/zmeta/schemas/zmeta/1.0/array.schema.json"}
```
"""
