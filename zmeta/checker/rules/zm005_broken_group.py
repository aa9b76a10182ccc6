"""A document above the node cannot be read.

## What it finds

A group above an array whose document cannot be read, where that array alone is opened (`zmeta show`, `read_metadata`,
`ZarrArray`). Where the container is checked, the same document is reported as ZM001, ZM006, ZM008 or ZM009.

## Why it matters

OME-NGFF and COSEM keep the scale of an array on the group above it. With that document broken, the array seems to state
nothing, or less than it does.

## Example

`zarr.json` of the group:

```json
{"zarr_format": 3, "node_type": "group", "attributes": {
```

## What to do

Mend the document of the group. `zmeta check` on the container says where it is broken.
"""
