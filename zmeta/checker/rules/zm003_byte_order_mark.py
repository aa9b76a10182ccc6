r"""The document begins with a byte-order mark.

## What it finds

A document that begins with the three bytes EF BB BF, a byte-order mark. Some editors of Windows write them.

## Why it matters

JSON that is exchanged must not begin with one (RFC 8259). A parser may ignore it, or refuse the document.

## Example

`.zattrs`, the mark shown as an escape:

```json
\ufeff{"resolution": [40, 4, 4], "offset": [0, 0, 0]}
```

```text
a.zarr/raw/.zattrs:1:1: warning ZM003: the document begins with a byte-order mark; save it as plain UTF-8
```

## What to do

`zmeta check --fix` takes the mark off, and leaves all other bytes as they are. In an editor: save as UTF-8 without BOM.
"""
