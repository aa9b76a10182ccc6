"""NaN or Infinity tokens are not JSON.

## What it finds

The tokens `NaN`, `Infinity` and `-Infinity` in a document.

## Why it matters

They are not JSON. Python reads and writes them; strict parsers (JavaScript, Rust) refuse the whole document, so the
array cannot be opened in a viewer. zarr-python 2 and 3 write them for attributes, and `zarr migrate` keeps them. zmeta
reads such a document and never writes one: it cannot be changed through zmeta as long as the token is there.

## Example

```json
{
  "resolution": [40, 4, 4],
  "offset": [0, 0, 0],
  "mean": NaN
}
```

```text
a.zarr/raw/.zattrs:1:1: warning ZM002: the document holds NaN, which is not JSON; other readers refuse the document:
store null or a string instead
```

## What to do

Store `null`, or a text. A `fill_value` is written as a text, which Zarr defines:

```json
{"mean": null, "fill_value": "NaN"}
```
"""
