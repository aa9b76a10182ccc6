"""OME-NGFF 0.4 → 0.5: all of it moves into `ome`, under one version. Zarr format 3 only.

The versions inside go, and the layout of bioformats2raw is the number 3. Two habits of writers that neither version allows
are mended: an empty list of transformations over an image, and identities. A level with nothing but an identity states no
voxel size (iohub writes so, with units that nobody chose): it becomes a scale only where the image has one, or where the
user agrees to `pixel-scale`. Keys that are not of OME-NGFF stay at the top. Source: ome/ngff-spec, index.md of
0.4 @ c38936e and 0.5 @ 707c131.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from zmeta.conventions.ome_ngff.detect import base_version
from zmeta.finding import Finding
from zmeta.jsondoc import describe, pointer
from zmeta.steps.ome_ngff.parts import KEYS, PIXEL_SCALE, Place, part_version, text_version
from zmeta.steps.step import Step, blocked

if TYPE_CHECKING:
    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.steps.step import Site

_FLAT = ("labels", "series", "bioformats2raw.layout")


def transform(attributes: JSONObject, site: Site) -> JSONObject:
    """Move what is of OME-NGFF into `ome`."""
    moved = {
        key: _moved(key, attributes[key], site) for key in attributes if key in KEYS and _is_ours(key, attributes, site)
    }
    if not moved:
        return dict(attributes)
    ome = attributes.get("ome", {})
    stated = text_version(ome.get("version")) if isinstance(ome, dict) else None
    if not isinstance(ome, dict) or (stated is not None and base_version(stated) != "0.5"):
        raise _conflict("`ome` is there already and is not that of 0.5", "ome", ome, site)
    for key, value in moved.items():
        if key in ome and ome[key] != value:
            raise _conflict(f"`{key}` stands in `ome` too, and differs", key, attributes[key], site)
    whole: JSONObject = {"version": "0.5", **ome, **{key: value for key, value in moved.items() if key not in ome}}
    result: JSONObject = {}
    for key, value in attributes.items():
        if key == "ome" or (key in moved and "ome" not in attributes):
            result.setdefault("ome", {**whole, "version": "0.5"})
        elif key not in moved:
            result[key] = value
    return result


def _is_ours(key: str, attributes: JSONObject, site: Site) -> bool:
    """Whether a key with a common name is that of OME-NGFF: labels are listed, and series stand in the group `OME`."""
    value = attributes[key]
    if key == "series":
        folder = posixpath.basename(site.node.path.replace("\\", "/").rstrip("/"))
        return folder == "OME" and isinstance(value, list)
    if key == "labels":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, list) if key == "multiscales" else key in _FLAT or isinstance(value, dict)


def _moved(key: str, value: JSONValue, site: Site) -> JSONValue:
    if key == "bioformats2raw.layout":
        return 3 if value == "3" else value
    if key == "multiscales" and isinstance(value, list):
        return [
            _without_version(key, image, Place((key, index), site, {})) if isinstance(image, dict) else image
            for index, image in enumerate(value)
        ]
    return _without_version(key, value, Place((key,), site, {})) if isinstance(value, dict) else value


def _without_version(key: str, part: JSONObject, place: Place) -> JSONObject:
    stated = text_version(part.get("version"))
    known = "0.4" if stated is None else base_version(stated)
    content = part_version(key, part) if key == "multiscales" else known
    if known not in ("0.4", "0.5") or content not in ("0.4", "0.5"):
        found = "no axes" if content is None else str(stated)
        finding = place.finding("ZM418", "a part is not at 0.4", "version", expected="0.4", found=found)
        raise blocked("the attributes are not those of 0.4", place.site, finding)
    kept = {name: item for name, item in part.items() if name != "version"}
    return _mended(kept, place) if key == "multiscales" else kept


def _mended(image: JSONObject, place: Place) -> JSONObject:
    """Return an image without identities, and without an empty list over it."""
    outer = image.get("coordinateTransformations")
    if isinstance(outer, list) and (not outer or not all(map(_counts, outer))):
        rest: list[JSONValue] = [item for item in outer if _counts(item)]
        image = {key: value for key, value in image.items() if key != "coordinateTransformations" or rest}
        image |= {"coordinateTransformations": rest} if rest else {}
    levels = _list(image.get("datasets"))
    idle = [index for index, level in enumerate(levels) if not all(map(_counts, _transforms_of(level)))]
    if not idle:
        return image
    unstated = [index for index in idle if not _has_scale(_transforms_of(levels[index]))]
    for index in idle:
        levels[index] = _with_scale(levels[index], len(_list(image.get("axes"))))
    image = {**image, "datasets": levels}
    return image if not unstated or _has_scale(_list(outer)) else _in_pixels(image, unstated[0], place)


def _in_pixels(image: JSONObject, level: int, place: Place) -> JSONObject:
    """Return an image whose scales count pixels: without units. Raises where the user has not agreed to that."""
    if PIXEL_SCALE not in place.site.agreed:
        hint = f"state a scale for each level, or agree to `{PIXEL_SCALE}`: then scales count pixels and have no unit"
        message = "an identity stands in the place of the scale, so the voxel size is not stated"
        finding = place.finding("ZM308", message, "datasets", level, "coordinateTransformations", hint=hint)
        raise blocked("the voxel size is not known", place.site, finding)
    axes: list[JSONValue] = [
        {key: value for key, value in axis.items() if key != "unit"} if isinstance(axis, dict) else axis
        for axis in _list(image.get("axes"))
    ]
    return {**image, "axes": axes}


def _list(value: JSONValue) -> list[JSONValue]:
    return list(value) if isinstance(value, list) else []


def _transforms_of(dataset: JSONValue) -> list[JSONValue]:
    return _list(dataset.get("coordinateTransformations")) if isinstance(dataset, dict) else []


def _counts(transform: JSONValue) -> bool:
    """Whether a transformation is more than an identity."""
    return not (isinstance(transform, dict) and transform.get("type") == "identity" and "input" not in transform)


def _has_scale(transforms: list[JSONValue]) -> bool:
    return any(isinstance(item, dict) and item.get("type") == "scale" for item in transforms)


def _with_scale(level: JSONValue, ndim: int) -> JSONValue:
    rest = [item for item in _transforms_of(level) if _counts(item)]
    ones: list[JSONValue] = [] if _has_scale(rest) else [{"type": "scale", "scale": [1] * ndim}]
    return {**level, "coordinateTransformations": [*ones, *rest]} if isinstance(level, dict) else level


def _conflict(message: str, key: str, value: JSONValue, site: Site) -> Exception:
    node = site.node
    place = node.attributes_pointer + pointer(key)
    finding = Finding("ZM401", f"ome-ngff: {message}", node.attributes_file, place, found=describe(value))
    return blocked("two copies of the metadata differ", site, finding)


STEP = Step(
    "ome-ngff-0.4-to-0.5",
    "ome-ngff",
    "0.4",
    "0.5",
    "lossless",
    transform,
    needs=3,
    summary="move everything into `ome`, under one version",
)
