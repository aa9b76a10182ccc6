"""The document is nested deeper than the limit.

## What it finds

A document whose lists and objects are nested deeper than the setting `max_depth` (100 by default).

## Why it matters

Nobody nests metadata so deeply. Parsers have limits of their own and end with an error or a crash, each at another
depth.

## Example

```json
{"made": [[[[[[[[[[ "and so on" ]]]]]]]]]]}
```

```text
a.zarr/raw/.zattrs: error ZM009: the document is nested too deeply (expected at most 100 levels)
```

## What to do

Find the writer: a value that was put into itself at every run is the usual cause. If the depth is meant, raise the
limit in `zmeta.toml`:

```toml
max_depth = 200
```
"""
