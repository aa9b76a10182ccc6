"""The order of the values cannot be told.

## What it finds

Lists whose direction, z-first or x-first, cannot be told. COSEM: axes that begin with x in N5 and no `order`, or an
order other than C and F. dacapo in N5: axes z-first, with values that are not the same both ways. N5 viewer: a level
that repeats the voxel size of its group although the group gives it factors.

## Why it matters

N5 stores shapes x-first, and every writer decided for itself about attributes. dacapo wrote z-first before 10 May 2023,
x-first after it, and for some weeks of September 2023 mixed both. Read the wrong way round, an array of 40 × 4 × 4 nm
voxels is squeezed tenfold in z and stretched tenfold in x. Nothing is chosen here.

## Example

```json
{"axes": ["x", "y", "z"], "units": ["nm", "nm", "nm"], "scale": [4.0, 4.0, 5.24], "translate": [0.0, 0.0, 0.0]}
```

```text
a.n5/raw/attributes.json:17:16: error ZM306: cosem: no order is stated and the axes begin with x (found ["x", "y",
"z"]) [/transform]; state "order": "F" if the lists are in the order of `dimensions`, else "C"
```

## What to do

Find out which it is: the section thickness is mostly the largest size. Then state the order:

```json
{"order": "F", "axes": ["x", "y", "z"], "units": ["nm", "nm", "nm"], "scale": [4.0, 4.0, 5.24], "translate": [0.0, 0.0, 0.0]}
```
"""
