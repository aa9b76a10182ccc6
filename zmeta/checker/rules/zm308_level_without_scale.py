"""The scale of a pyramid level is not stated.

## What it finds

A level of an N5 pyramid whose size cannot be told: it has only the base size of the group above and no factors, or has
factors beside `resolution`.

## Why it matters

`pixelResolution` of a group is the size of level s0. For s1 without `downsamplingFactors`, n5-universe takes 2 to the
power of the number in the name, neuroglancer reports an error, others take 1. Beside `resolution`, nobody can tell
whether that is the size of s0 or of the level: multiplied once too often, it is doubled.

## Example

```json
{"resolution": [4, 4, 40], "offset": [0, 0, 0], "downsamplingFactors": [2, 2, 1]}
```

```text
a.n5/raw/attributes.json:27:26: error ZM308: daisy: factors stand beside `resolution` (found [2, 2, 1])
[/downsamplingFactors]; readers differ on whether `resolution` is that of s0: state it as pixelResolution, or remove
the factors
```

## What to do

State base size and factors on the level, both x-first:

```json
{"pixelResolution": {"unit": "nm", "dimensions": [4, 4, 40]}, "downsamplingFactors": [2, 2, 1]}
```
"""
