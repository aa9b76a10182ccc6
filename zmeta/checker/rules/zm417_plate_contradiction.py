"""A plate or well contradicts itself.

## What it finds

An OME-NGFF plate that names a row, a column or the id of an acquisition twice, or whose wells have a path that names no
listed row or column, or an index that is not that of the path. A well that lists an image twice, names an acquisition
that the plate does not have, or names none where the plate has several.

## Why it matters

The text demands each of these: names and ids are unique, `rowIndex` and `columnIndex` count from 0 and fit the path.
Viewers lay out the plate by the indices and open the images by the path: with a contradiction they show the image of
another well.

## Example

```json
{"path": "A/2", "rowIndex": 0, "columnIndex": 0}
```

```text
p.zarr/zarr.json:29:28: error ZM417: `columnIndex` contradicts the path A/2 (expected 1, found 0)
[/attributes/ome/plate/wells/1/columnIndex]
```

## What to do

Correct the index; the folder of the well decides. With the columns `1` and `2`:

```json
{"path": "A/2", "rowIndex": 0, "columnIndex": 1}
```
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from zmeta.jsondoc import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import GroupSite, Path
    from zmeta.finding import Finding
    from zmeta.jsondoc import JSONObject, JSONValue


def check_group(site: GroupSite) -> Iterator[Finding]:
    """Judge names, ids and places of a plate, and the runs of a well."""
    path, keys = site.ome
    plate, well = keys.get("plate"), keys.get("well")
    if isinstance(plate, dict):
        yield from _check_plate(site, (*path, "plate"), plate)
    if isinstance(well, dict):
        yield from _check_well(site, (*path, "well"), well)


def _check_plate(site: GroupSite, path: Path, plate: JSONObject) -> Iterator[Finding]:
    rows, columns = _values(plate.get("rows"), "name"), _values(plate.get("columns"), "name")
    for key, values in (("rows", rows), ("columns", columns), ("acquisitions", _values(plate.get("acquisitions"), "id"))):
        counts = Counter(describe(value) for value in values if value is not None)
        repeated = [text for text, count in counts.items() if count > 1]
        if repeated:
            message = f"`{key}` names {', '.join(sorted(repeated)[:8])} twice"
            yield site.finding("ZM417", message, *path, key)
    places = _places(rows), _places(columns)
    for index, well in enumerate(_objects(plate.get("wells"))):
        place = (*path, "wells", index)
        name = well.get("path")
        row, column = well.get("rowIndex"), well.get("columnIndex")
        if not isinstance(name, str) or name.count("/") != 1:
            continue
        parts = name.split("/")
        for key, number, names, part in zip(("rowIndex", "columnIndex"), (row, column), places, parts, strict=True):
            if part not in names:
                yield site.finding("ZM417", f"the path names {part!r}, which the plate does not list", *place, "path",
                                   found=name)  # fmt: skip
            elif isinstance(number, int) and names[part] != number:
                expected = str(names[part])
                yield site.finding("ZM417", f"`{key}` contradicts the path {name}", *place, key, expected=expected,
                                   found=number)  # fmt: skip


def _check_well(site: GroupSite, path: Path, well: JSONObject) -> Iterator[Finding]:
    images = _objects(well.get("images"))
    names = [image.get("path") for image in images]
    first = _places(names)
    for index, name in enumerate(names):
        if isinstance(name, str) and first[name] != index:
            yield site.finding("ZM417", "the well lists an image twice", *path, "images", index, "path", found=name)
    runs = _runs(site)
    known = set(map(describe, runs))
    for index, image in enumerate(images if runs else ()):
        run = image.get("acquisition")
        if run is None and len(runs) > 1:
            message = "an image must state its acquisition where the plate has several"
            yield site.finding("ZM417", message, *path, "images", index)
        elif run is not None and describe(run) not in known:
            message = "the plate has no such acquisition"
            yield site.finding("ZM417", message, *path, "images", index, "acquisition", found=run)


def _runs(site: GroupSite) -> list[JSONValue]:
    """Return the ids of the acquisitions of the plate above a well."""
    for group, _ in site.node.ancestors[:2]:
        inner = group.attributes.get("ome")
        plate = (inner if isinstance(inner, dict) else group.attributes).get("plate")
        if isinstance(plate, dict):
            return _values(plate.get("acquisitions"), "id")
    return []


def _objects(value: JSONValue) -> list[JSONObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _places(names: list[JSONValue]) -> dict[str, int]:
    """Return where each name stands first."""
    return {name: index for index, name in reversed(list(enumerate(names))) if isinstance(name, str)}


def _values(value: JSONValue, key: str) -> list[JSONValue]:
    return [item.get(key) for item in _objects(value)]
