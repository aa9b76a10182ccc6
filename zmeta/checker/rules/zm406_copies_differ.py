"""Two copies of the same metadata differ.

## What it finds

COSEM metadata that stands twice and differs: the `transform` of an array and its copy in the `multiscales` of the
group, or `order` against `ordering` in one transform. For the first, the array's own is read; for the second, the names
of the axes decide.

## Why it matters

fibsem-tools and cellmap-schemas read `order`, n5-universe and cellmap-flow `ordering`; some readers take the copy of
the group, others that of the array. Where the two differ, the array lies at two places.

## Example

The group says so, while the array has a `translate` of 2.62, 2, 2:

```json
{"path": "s0", "transform": {"scale": [5.24, 4.0, 4.0], "translate": [0.0, 0.0, 0.0]}}
```

```text
c.n5/attributes.json:9:24: warning ZM406: cosem: the group's copy of `transform` differs from the array's
[/multiscales/0/datasets/0/transform]
```

## What to do

Make the two the same. A write of the voxel size or the offset through zmeta writes both:

```python
zmeta.add_metadata("c.n5/s0", {"offset": [0, 0, 0]})
```
"""
