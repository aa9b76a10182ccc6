"""A document or folder cannot be read.

## What it finds

A document or folder that is there and that the system does not let zmeta read: permissions, a failing disk, or a
folder, pipe or device in the place of a document.

## Why it matters

It is not known what is wrong with what cannot be read. A run that leaves it out has not checked everything.

## Example

`a.zarr/raw/.zattrs` is a folder:

```text
a.zarr/raw/.zattrs: error ZM007: cannot read the file (found Is a directory)
```

## What to do

Give read permission to whoever runs the check (for a folder also the permission to list it), or remove what stands in
the place of the document.
"""
