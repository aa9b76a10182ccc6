"""OME-NGFF 0.3 → 0.4: axes become objects, each level has a scale, each well its row and column.

0.4 requires a scale, and 0.1 to 0.3 have none. It is taken from the level arrays where these state a voxel size in their
own attributes. Where they do not, nothing is invented: the step is blocked, unless the user agrees to `pixel-scale`. Then
level 0 has scale 1 and no unit, and the others the ratios of the shapes, which is what 0.4 asks for where the scale is not
known. Source: ome/ngff-spec, index.md of 0.3 @ 2b02cc8 and 0.4 @ c38936e.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from zmeta.canonical.metadata import PHYSICAL
from zmeta.canonical.numbers_ import dump_number
from zmeta.pipeline import decode_node
from zmeta.steps.ome_ngff.parts import PIXEL_SCALE, level_arrays, upgrade
from zmeta.steps.step import Step, blocked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zmeta.canonical.metadata import Axis
    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.steps.ome_ngff.parts import Place
    from zmeta.steps.step import Site


def transform(attributes: JSONObject, site: Site) -> JSONObject:
    """Describe axes and levels, place the wells, and state the next version."""
    changes = {"multiscales": _with_scales, "plate": _with_indices, "well": _with_whole_acquisitions}
    return upgrade(attributes, site, "0.3", "0.4", changes)


# --- images -----------------------------------------------------------------------------------------------------------


def _with_scales(image: JSONObject, place: Place) -> JSONObject:
    levels = _levels(image, place)
    axes: list[JSONValue] = []
    columns: list[list[tuple[Fraction, Fraction]]] = []
    for index, axis in enumerate(levels[0][1]):
        unit: JSONObject = {"unit": axis.unit} if axis.unit is not None and axis.type in PHYSICAL else {}
        axes.append({"name": axis.name, **({"type": axis.type} if axis.type else {}), **unit})
        columns.append(_along([level[index] for _, level in levels], [shape[index] for shape, _ in levels], place))
    datasets = image.get("datasets")
    rows = zip(datasets if isinstance(datasets, list) else (), zip(*columns, strict=True), strict=True)
    scaled: list[JSONValue] = [
        {**dataset, "coordinateTransformations": _transforms(row)} if isinstance(dataset, dict) else dataset
        for dataset, row in rows
    ]
    return {**image, "axes": axes, "datasets": scaled}


def _levels(image: JSONObject, place: Place) -> list[tuple[tuple[int, ...], tuple[Axis, ...]]]:
    """Return the shape and the axes of each level, as they are read before the step."""
    found: list[tuple[tuple[int, ...], tuple[Axis, ...]]] = []
    for index, (path, array) in enumerate(level_arrays(image, place)):
        if array is None:
            hint = "remove the level from the list, or put its array back"
            finding = place.finding("ZM412", "a level is not there", "datasets", index, "path", found=path, hint=hint)
            raise blocked("the scale of a level is not known", place.site, finding)
        decoded = decode_node(array, place.site.reading)
        if decoded.errors:
            raise blocked("the metadata of a level cannot be relied on", place.site, *decoded.errors)
        found.append((array.shape, decoded.metadata.axes))
    kinds = {tuple((axis.name, axis.type, axis.unit) for axis in axes) for _, axes in found}
    names = image.get("axes")
    if len(kinds) != 1 or [axis.name for axis in found[0][1]] != names:
        code = "ZM202" if not found or [axis.name for axis in found[0][1]] != names else "ZM409"
        message = "0.4 has one list of axes, with one unit each, for all levels, and theirs differ"
        finding = place.finding(code, message, "axes")
        raise blocked("the axes of the image and those of its levels differ", place.site, finding)
    return found


def _along(along: Sequence[Axis], shapes: Sequence[int], place: Place) -> list[tuple[Fraction, Fraction]]:
    """Return scale and translation along one axis for each level; raises where neither the arrays nor the user give them."""
    axis = along[0]
    if axis.type not in PHYSICAL:
        return [(Fraction(1), Fraction(0))] * len(along)
    stated = [level.voxel_size is not None for level in along]
    half = Fraction(1, 2) if place.site.reading.ome_anchor == "centre" else Fraction(0)
    if all(stated):
        pairs = [(level.voxel_size or Fraction(1), level.offset or Fraction(0)) for level in along]
        return [(size, corner + size * half) for size, corner in pairs]
    if not any(stated) and axis.unit is None and PIXEL_SCALE in place.site.agreed:
        ratios = [_ratio(shapes[0], shape) for shape in shapes]
        return [(ratio, ratio * half) for ratio in ratios]
    missing = ", ".join(str(level) for level, there in enumerate(stated) if not there)
    finding = place.finding(
        "ZM308",
        f"0.4 needs a scale, and the voxel size along {axis.name} is stated nowhere for level {missing}",
        "datasets",
        hint='state it on each level: ZarrArray(…).add_metadata({"voxel_size": […], "offset": […]}, convention="zmeta"), '
        f"or agree to `{PIXEL_SCALE}`: then scales count pixels and have no unit",
    )
    raise blocked("the voxel size is not known", place.site, finding)


def _ratio(first: int, shape: int) -> Fraction:
    """Return how much coarser a level is: the whole factor that leads to its shape, else the ratio of the shapes."""
    if first < 1 or shape < 1:
        return Fraction(1)
    factor = max(round(Fraction(first, shape)), 1)
    return Fraction(factor) if shape in (first // factor, -(-first // factor)) else Fraction(repr(first / shape))


def _transforms(row: Sequence[tuple[Fraction, Fraction]]) -> list[JSONValue]:
    result: list[JSONValue] = [{"type": "scale", "scale": [dump_number(size) for size, _ in row]}]
    if any(shift for _, shift in row):
        result.append({"type": "translation", "translation": [dump_number(shift) for _, shift in row]})
    return result


# --- plates and wells -------------------------------------------------------------------------------------------------


def _with_indices(plate: JSONObject, place: Place) -> JSONObject:
    """A well names its row and its column by index, as its path names them by name."""
    wells, rows, columns = plate.get("wells"), _named(plate.get("rows")), _named(plate.get("columns"))
    placed: list[JSONValue] = []
    for index, well in enumerate(wells if isinstance(wells, list) else ()):
        if not isinstance(well, dict) or {"rowIndex", "columnIndex"} <= well.keys():
            placed.append(well)
            continue
        row, _, column = str(well.get("path")).partition("/")
        if rows.count(row) != 1 or columns.count(column) != 1:
            message, expected = "the row and the column of a well cannot be told", "the name of a row, `/`, that of a column"
            path = str(well.get("path"))
            finding = place.finding("ZM417", message, "wells", index, "path", expected=expected, found=path)
            raise blocked("a well has no place on its plate", place.site, finding)
        placed.append({**well, "rowIndex": rows.index(row), "columnIndex": columns.index(column)})
    acquisitions = _whole(plate.get("acquisitions"), "id")
    return {
        **plate,
        **({"wells": placed} if isinstance(wells, list) else {}),
        **({"acquisitions": acquisitions} if "acquisitions" in plate else {}),
    }


def _with_whole_acquisitions(well: JSONObject, place: Place) -> JSONObject:  # noqa: ARG001 - as all parts
    return {**well, "images": _whole(well["images"], "acquisition")} if "images" in well else well


def _named(value: JSONValue) -> list[str]:
    items = value if isinstance(value, list) else []
    return [str(item.get("name")) if isinstance(item, dict) else "" for item in items]


def _whole(items: JSONValue, key: str) -> JSONValue:
    """The number of an acquisition, which may be text up to 0.3, is one from 0.4 on."""
    if not isinstance(items, list):
        return items
    return [
        {**item, key: int(number)}
        if isinstance(item, dict) and isinstance(number := item.get(key), str) and _is_whole(number)
        else item
        for item in items
    ]


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16 and str(int(text)) == text


STEP = Step(
    "ome-ngff-0.3-to-0.4",
    "ome-ngff",
    "0.3",
    "0.4",
    "manual",
    transform,
    summary="describe axes, levels and wells; voxel sizes come from the level arrays",
)
