"""The document is larger than the limit.

## What it finds

A document with more bytes than the setting `max_bytes` (64 MiB by default).

## Why it matters

A document of such a size is read and parsed whole by every reader that opens the array. Mostly it is no metadata: a
table of annotations that was stored as an attribute, or a file of that name by accident. The limit also keeps a run
from filling the memory.

## Example

With `max_bytes = 1000`, a `.zattrs` with a long text:

```json
{"resolution": [40, 4, 4], "offset": [0, 0, 0]}
```

```text
a.zarr/raw/.zattrs: error ZM008: the document is too large for metadata (expected at most 1000 bytes, found 2099
bytes); raise `max_bytes` in zmeta.toml if it is meant to be so large
```

## What to do

Store the table as an array, or in a file of its own. If the size is meant, as with the consolidated metadata of very
many arrays, raise the limit in `zmeta.toml`:

```toml
max_bytes = 268_435_456
```
"""
