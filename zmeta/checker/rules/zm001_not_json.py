"""The document cannot be read as JSON.

## What it finds

A metadata document (`zarr.json`, `.zarray`, `.zgroup`, `.zattrs`, `.zmetadata`, `attributes.json`) that is empty, cut
off, not UTF-8, no JSON object, or that names a key twice in one object.

## Why it matters

No reader opens the node. Where a key stands twice, some readers take the first value and some the last. Zarr and N5 ask
for a JSON object, and OME-NGFF (from 0.4 on) says in so many words that its JSON holds no comments. A writer that was
killed, a full disk, or an edit by hand leaves such documents.

## Example

`.zattrs`, of which the end is missing:

```json
{
  "resolution": [40, 4, 4],
  "offset": [0, 0
```

```text
a.zarr/raw/.zattrs:3:18: error ZM001: the document is not JSON (found Expecting ',' delimiter at line 3, column 18);
restore the document from a copy, or mend it by hand
```

## What to do

Mend the document at the line that is named, or restore it. Consolidated metadata of a group above (`.zmetadata`,
`consolidated_metadata`) may still hold a copy. A `.zattrs` that is empty becomes:

```json
{}
```
"""
