"""OME-NGFF to voxel size and corner: `x = S_m · (S_d · i + T_d) + T_m`, the level's transformations first.

Versions 0.1 to 0.3 store no scale. From 0.4 on the meaning of a translation is not specified: `Reading.ome_anchor` decides.
"""

from __future__ import annotations

import marshal
from fractions import Fraction
from typing import TYPE_CHECKING

from zmeta.canonical.metadata import PHYSICAL, type_of_name
from zmeta.canonical.numbers_ import number_text
from zmeta.canonical.units import unit_type
from zmeta.conventions.base import Draft, unit_conflict
from zmeta.conventions.ome_ngff.detect import Level, base_version, content_version, find_level, stated_version
from zmeta.jsondoc import MAX_EXPONENT

if TYPE_CHECKING:
    from zmeta.jsondoc import JSONObject, JSONValue

Path = tuple["str | int", ...]
Affine = tuple[tuple[Fraction, ...], tuple[Fraction, ...]]

#: The axes of 0.1 and 0.2 are fixed.
FIXED_AXES = ("t", "c", "z", "y", "x")


def _level_of(draft: Draft) -> Level | None:
    """Return the level, and note a version that does not fit its content."""
    level = find_level(draft.node)
    if level is None:
        return None
    stated, content = stated_version(level), content_version(level)
    own = level.stated is None and (level.path[0] != "ome" or "version" in level.image)
    path = (*level.path, "version") if own else (level.path[0], "version")
    if stated is None and draft.version in ("0.4", "0.5"):
        draft.note("ZM403", f"no version is stated; read as {draft.version} by its content", *path, node=level.group)
    elif stated is not None and base_version(stated) != draft.version:
        message = f"the version does not fit the content, which is read as {content}"
        draft.note("ZM403", message, *path, node=level.group, expected=str(content), found=stated)
    return level


def decode_unknown(draft: Draft) -> None:
    """State which version it is, and nothing else: an unknown version never means the latest."""
    level = find_level(draft.node)
    if level is not None:
        found = stated_version(level) or "coordinateSystems"
        hint = "zmeta reads 0.1 to 0.5; pass default_voxel_size to read the array all the same"
        draft.note("ZM402", "this version cannot be decoded", *level.path, node=level.group, found=found, hint=hint)


def decode_0_1_to_0_2(draft: Draft) -> None:
    """Axes are t, c, z, y, x; an array of another rank has the last of them."""
    level = _level_of(draft)
    if level is None or not 0 < draft.node.ndim <= len(FIXED_AXES):
        return
    names = FIXED_AXES[-draft.node.ndim :]
    draft.names = tuple(names)
    draft.types = tuple(type_of_name(name) for name in names)
    draft.infer("axes", f"fixed to t, c, z, y, x in {draft.version}")
    draft.infer("types", f"fixed in {draft.version}")
    if draft.node.ndim != len(FIXED_AXES):
        draft.note("ZM206", f"an array of this version has 5 axes, not {draft.node.ndim}", *level.path, node=level.group)


def decode_0_3(draft: Draft) -> None:
    """Axes are a list of names."""
    level = _level_of(draft)
    if level is not None:
        draft.parse_names(level.image.get("axes"), *level.path, "axes", node=level.group)


def decode_0_4_on(draft: Draft) -> None:
    """Axes are objects; scale and translation stand on the level and on the image."""
    level = _level_of(draft)
    if level is None or not _decode_axes(draft, level):
        return
    here = compose(draft, level, level.index)
    if here is None:
        return
    if not _states_scale(level):
        message = "only an identity is stated, so the voxel size is absent"
        draft.note("ZM310", message, *_source_path(level), node=level.group, hint="a level must have a scale")
        return
    first = _first_level(draft, level, here)
    types = draft.types or ()
    physical = [axis for axis, kind in enumerate(types) if kind in PHYSICAL]
    sizes, translations = here
    for axis in physical:
        if sizes[axis] <= 0:
            path = (*level.path, "datasets", level.index, "coordinateTransformations")
            message = f"the scale of axis {(draft.names or ())[axis]} is not positive"
            draft.note("ZM301", message, *path, node=level.group, found=number_text(sizes[axis]))
            return
    draft.voxel_size = tuple(sizes[axis] if axis in physical else None for axis in range(draft.node.ndim))
    draft.source("voxel_size", *_source_path(level), node=level.group, how=_composed(level))
    corner = _corners(draft, level, sizes, translations, first)
    draft.offset = tuple(corner[axis] if axis in physical else None for axis in range(draft.node.ndim))


def _first_level(draft: Draft, level: Level, here: Affine) -> Affine:
    """Return the transformation of level 0; what is wrong with it is said where level 0 is read, not here."""
    if level.index == 0:
        return here
    aside = Draft(draft.node, draft.reading, draft.convention, draft.version)
    return compose(aside, level, 0) or here


def _states_scale(level: Level) -> bool:
    lists = (level.dataset(level.index).get("coordinateTransformations"), level.outer)
    items = [item for transforms in lists if isinstance(transforms, list) for item in transforms]
    return any(isinstance(item, dict) and item.get("type") == "scale" for item in items)


def _source_path(level: Level) -> Path:
    return (*level.path, "datasets", level.index, "coordinateTransformations")


def _composed(level: Level) -> str:
    return "composed with the transformations of the image" if level.outer else ""


def _decode_axes(draft: Draft, level: Level) -> bool:
    axes = level.image.get("axes")
    path = (*level.path, "axes")
    if axes is None or not isinstance(axes, list):
        if "axis" in level.image:
            path = (*level.path, "axis")
            message, hint = "the key `axis` stands for `axes`", "rename the key to `axes`"
            draft.note("ZM104", message, *path, node=level.group, found=level.image["axis"], hint=hint)
        else:
            draft.note("ZM202", "`axes` is missing", *path, node=level.group, expected="a list of axes")
        return False
    if len(axes) != draft.node.ndim and draft.node.attributes.keys() & {"resolution", "voxel_size"}:
        message = f"the image has {len(axes)} axes and the array {draft.node.ndim}; the array's own attributes are read"
        draft.note("ZM407", message, *path, node=level.group)
        return False
    entries: list[JSONValue] = [{"name": axis} if isinstance(axis, str) else axis for axis in axes]
    names: list[JSONValue] = [axis.get("name") if isinstance(axis, dict) else None for axis in entries]
    if not draft.parse_names(names, *path, node=level.group):
        return False
    types, units, inferred = [], [], []
    for index, axis in enumerate(entries):
        entry = axis if isinstance(axis, dict) else {}
        unit = _decode_unit(draft, level, entry, (*path, index))
        kind = entry.get("type")
        if not isinstance(kind, str):
            inferred.append(str(entry.get("name")))
            kind = type_of_name(str(entry.get("name"))) or unit_type(unit) or "other"
        if unit_conflict(unit, kind):
            message = f"the unit does not fit an axis of {kind}"
            draft.note("ZM203", message, *path, index, "unit", node=level.group, expected=f"a unit of {kind}", found=unit)
        types.append(kind)
        units.append(unit if kind in PHYSICAL else None)
    draft.types, draft.units = tuple(types), tuple(units)
    draft.source("types", *path, node=level.group)
    draft.source("units", *path, node=level.group)
    if inferred:
        draft.infer("types", "understood from the axis names")
        message = f"no type is stated for {', '.join(inferred)}; understood from the names"
        draft.note("ZM206", message, *path, node=level.group, hint='state "type": "space", "time" or "channel"')
    return True


def _decode_unit(draft: Draft, level: Level, entry: dict[str, JSONValue], path: Path) -> str | None:
    if "unit" not in entry and "units" in entry:
        hint = "rename the key to `unit`"
        draft.note(
            "ZM104", "the key `units` stands for `unit`", *path, "units", node=level.group, found=entry["units"], hint=hint
        )
        return None
    return draft.parse_unit(entry.get("unit"), *path, "unit", node=level.group, long_only=True)


def compose(draft: Draft, level: Level, index: int) -> Affine | None:
    """Return scale and translation per axis of one level, both lists of transformations applied in order."""
    dataset = level.dataset(index)
    own = dataset.get("coordinateTransformations")
    try:
        key = marshal.dumps((own, level.outer, draft.node.ndim), 2)
    except ValueError:  # a number that keeps its literal
        return _compose(draft, level, index, dataset, own)
    known = _COMPOSED.get(key)
    if known is None:
        known = _compose(draft, level, index, dataset, own)
        if known is not None:  # what is wrong is to be said each time
            if len(_COMPOSED) >= _MOST_KEPT:
                _COMPOSED.clear()
            _COMPOSED[key] = known
    return known


#: Transformations that were composed before: each level is read beside level 0.
_COMPOSED: dict[bytes, Affine] = {}
_MOST_KEPT = 1024


def _compose(draft: Draft, level: Level, index: int, dataset: JSONObject, own: JSONValue) -> Affine | None:
    path = (*level.path, "datasets", index, "coordinateTransformations")
    if own is None:
        found = next((key for key in dataset if key.lower().startswith("coordinate")), None)
        hint = f"found the key `{found}`" if found else ""
        draft.note("ZM305", "`coordinateTransformations` is missing", *path, node=level.group, hint=hint)
        return None
    ndim = draft.node.ndim
    affine: Affine = ((Fraction(1),) * ndim, (Fraction(0),) * ndim)
    if isinstance(own, list) and not any(
        isinstance(item, dict) and item.get("type") in ("scale", "identity") for item in own
    ):
        draft.note("ZM305", "a level must have a scale", *path, node=level.group, found=own)
        return None
    result = apply_transforms(draft, level, own, path, affine)
    if result is None:
        return None
    return apply_transforms(draft, level, level.outer, (*level.path, "coordinateTransformations"), result)


def apply_transforms(draft: Draft, level: Level, transforms: JSONValue, path: Path, affine: Affine) -> Affine | None:
    """Return an affine with a list of transformations applied after it; None where one cannot be read, which is noted."""
    if not isinstance(transforms, list):
        draft.note("ZM305", "transformations must be a list", *path, node=level.group, found=transforms)
        return None
    scale, translation = affine
    for index, item in enumerate(transforms):
        entry = item if isinstance(item, dict) else {}
        kind = entry.get("type")
        if kind == "identity":
            continue
        if kind not in ("scale", "translation") or kind not in entry:
            message = "only scale and translation with a list of numbers can be read"
            draft.note("ZM305", message, *path, index, node=level.group, found=item)
            return None
        vector = draft.parse_list(entry[kind], *path, index, kind, node=level.group)
        if vector is None:
            return None
        if len(vector) != draft.node.ndim:
            expected = f"{draft.node.ndim} values, one per axis"
            draft.note(
                "ZM201",
                f"`{kind}` does not fit the axes",
                *path,
                index,
                kind,
                node=level.group,
                expected=expected,
                found=entry[kind],
            )
            return None
        if kind == "scale" and affine[0] is scale and not any(translation):
            scale = vector if set(scale) == _ONE else tuple(a * b for a, b in zip(scale, vector, strict=True))
        elif kind == "scale":
            scale = tuple(a * b for a, b in zip(scale, vector, strict=True))
            translation = tuple(a * b for a, b in zip(translation, vector, strict=True))
        else:
            translation = tuple(a + b for a, b in zip(translation, vector, strict=True)) if any(translation) else vector
        if not all(map(_sensible, (*scale, *translation))):
            message = "the transformations multiply to a number out of all bounds"
            draft.note("ZM305", message, *path, index, node=level.group)
            return None
    return scale, translation


def _sensible(number: Fraction) -> bool:
    """Whether a number could stand in a document: composition must not grow without an end."""
    if number.numerator.bit_length() < 512 > number.denominator.bit_length():
        return True
    return not number or (_LEAST <= abs(number) <= _MOST and number.denominator.bit_length() < 4096)


_ONE = {Fraction(1)}
_MOST = Fraction(10) ** MAX_EXPONENT
_LEAST = 1 / _MOST


#: Writers compute half a voxel in floating point; what is off by less than this part of the numbers is noise.
NOISE = Fraction(1, 10**13)


def _shift(shift: Fraction, half: Fraction, most: Fraction) -> Fraction | None:
    """Return the shift of a level that shares the corner of level 0, which is none or half of what the voxel grows."""
    if not shift or shift == half:
        return shift
    if abs(shift - half) <= most * NOISE:
        return half
    return shift * 0 if abs(shift) <= most * NOISE else None


def _corners(
    draft: Draft, level: Level, sizes: tuple[Fraction, ...], translations: tuple[Fraction, ...], first: Affine
) -> tuple[Fraction, ...]:
    """Return the corner of the level on every axis: level 0's, where the translation is that of a sound pyramid."""
    centre = draft.reading.ome_anchor == "centre"
    corners: list[Fraction] = []
    off: list[str] = []
    binned = kept = False
    for axis, (size, place, size_0, place_0) in enumerate(zip(sizes, translations, *first, strict=True)):
        corner_0 = place_0 - size_0 / 2 if centre else place_0
        shift = _shift(place - place_0, (size - size_0) / 2, max(abs(place), size))
        if shift is not None:
            binned = binned or (shift != 0)
            kept = kept or (shift == 0 and size != size_0)
            corners.append(corner_0)
        else:
            corners.append(place - size / 2 if centre else place)
            if (draft.types or ())[axis] in PHYSICAL:
                off.append(str((draft.names or ())[axis]))
    if off:
        message = f"the translation of level {level.index} does not share the corner of level 0 on {', '.join(off)}"
        hint = "a binned level has t_0 + (s_k - s_0)/2, or t_0"
        draft.note("ZM304", message, *_source_path(level), node=level.group, hint=hint)
    form = "binned: t_0 + (s - s_0)/2" if binned else "as level 0" if kept else ""
    anchor = f"{draft.reading.ome_anchor} of voxel 0 by {draft.reading.evidence}"
    how = "; ".join(
        part for part in (f"read as the {anchor}", f"level {level.index} {form}" if form else "", _composed(level)) if part
    )
    draft.source("offset", *_source_path(level), node=level.group, how=how)
    if any(translations) and level.index == 0:  # said once: the lower levels follow
        draft.note(
            "ZM309",
            f"the translation is read as the {anchor} (setting `ome_anchor`)",
            *_source_path(level),
            node=level.group,
        )
    return tuple(corners)
