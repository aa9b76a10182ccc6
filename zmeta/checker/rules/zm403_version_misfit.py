"""The stated version does not fit the content.

## What it finds

An OME-NGFF image that states no version although its content is that of 0.4 or 0.5, or a version that its content is
not: axes as objects under 0.3, names alone under 0.4, 0.5 outside of `ome`. The content is what is read. 0.1 and 0.2
may do without.

## Why it matters

Readers choose their code by the version. The official validator assumes 0.4 where none is stated, neuroglancer refuses
the image. From 0.5 on `ome.version` must be there. `zarr migrate` moves 0.4 into Zarr v3 without making it 0.5;
changing the number alone does not either.

## Example

```json
{"multiscales": [{"name": "em", "datasets": [{"path": "s0"}]}]}
```

```text
em.zarr/.zattrs:3:5: warning ZM403: ome-ngff: no version is stated; read as 0.4 by its content
[/multiscales/0/version]
```

## What to do

State the version that the content has:

```json
{"multiscales": [{"version": "0.4", "name": "em", "datasets": [{"path": "s0"}]}]}
```
"""
