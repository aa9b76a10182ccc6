r"""A convention is recognised but cannot be decoded.

## What it finds

An array in a layout that zmeta knows by sight and does not decode: Paintera, n5-universe's canonical metadata, ImageJ's
N5, BigDataViewer, ilastik, `spatial` of GeoZarr, the drafts of OME-NGFF 0.6, and xarray's coordinate arrays. The
message says why.

## Why it matters

Axes, voxel size and offset of the array are absent for zmeta. A guess would be worse: `resolution` in Paintera has no
defined unit, the calibration of BigDataViewer stands in an XML file beside the data, and an unknown version of OME-NGFF
is not read as the latest one.

## Example

```json
{"axes": "xyz", "axistags": "{\"axes\": []}"}
```

## What to do

Pass what you know for this one reading, or add the metadata in a convention that states it:

```python
core = {"axes": ["z", "y", "x"], "units": ["nanometer"] * 3, "voxel_size": [40, 4, 4]}
zmeta.add_metadata("a.n5/raw", core, convention="cosem")
```
"""
