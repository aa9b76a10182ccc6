"""The metadata of the group does not fit the array.

## What it finds

An OME-NGFF image whose axes are not as many as the dimensions of an array that it lists, where the array has
`resolution` or `voxel_size` of its own. Those are read, and the image is not.

## Why it matters

The number of axes must be that of the dimensions of every level; readers of OME-NGFF fail on the image.
funlib.persistence 0.3 and 0.4 wrote z, y, x for every array, also for those with channels.

## Example

The array has the shape (2, 32, 128, 128) and a `resolution`; its group:

```json
{"axes": [{"name": "z", "type": "space", "unit": "nanometer"}, {"name": "y", "type": "space", "unit": "nanometer"},
          {"name": "x", "type": "space", "unit": "nanometer"}]}
```

```text
em.zarr/.zattrs:6:15: warning ZM407: ome-ngff: the image has 3 axes and the array 4; the array's own attributes are
read [/multiscales/0/axes]
```

## What to do

Add the channel to the axes, and a 1 in front of each scale (a 0 in front of each translation), or take the
`multiscales` away:

```json
{"axes": [{"name": "c", "type": "channel"}, {"name": "z", "type": "space", "unit": "nanometer"},
          {"name": "y", "type": "space", "unit": "nanometer"}, {"name": "x", "type": "space", "unit": "nanometer"}]}
```
"""
