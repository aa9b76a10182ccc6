"""`zmeta show`: what an array is, where each value came from, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.canonical.numbers_ import dump_number, number_text
from zmeta.errors import ZmetaError
from zmeta.finding import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.canonical.world import World
    from zmeta.pipeline import Decoded


def show_text(decoded: Decoded, world: World, *, quiet: bool = False) -> str:
    """Return a description of an array for a terminal or a log."""
    return printable("\n".join(_lines(decoded, world, quiet=quiet)))


def printable(text: str) -> str:
    """Escape what could draw on a terminal: names come from hostile input."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def _clean(text: str) -> str:
    return text.replace("\n", "\\n")


def _lines(decoded: Decoded, world: World, *, quiet: bool) -> Iterator[str]:
    node, metadata = decoded.node, decoded.metadata
    yield _clean(node.path)
    yield f"  {'array':<12}{' × '.join(map(str, node.shape)) or 'no dimensions'} {_clean(node.dtype)}, {node.format_name}"
    others = [claim.id for claim in decoded.claims if claim.id != metadata.convention]
    also = f" (also {', '.join(others)})" if others else ""
    yield f"  {'convention':<12}{metadata.convention or 'none: the array states nothing that zmeta knows'}{also}"
    for key, text in _values(decoded, world):
        source = metadata.provenance.get(key.replace(" ", "_"), "")
        yield f"  {key:<12}{_clean(text)}" + (f"   ← {_clean(source)}" if source and text != "absent" else "")
    if not quiet:
        for finding in sorted(decoded.findings, key=lambda finding: -finding.severity):
            yield f"  {finding!s}"


def _values(decoded: Decoded, world: World) -> Iterator[tuple[str, str]]:
    metadata = decoded.metadata
    yield "axes", " ".join(name or "?" for name in metadata.names) if any(metadata.names) else "absent"
    yield "types", " ".join(kind or "?" for kind in metadata.types) if any(metadata.types) else "absent"
    yield "units", " ".join(unit or "none" for unit in metadata.units) if any(metadata.units) else "absent"
    for key in ("voxel_size", "offset"):
        numbers = getattr(metadata, key)
        yield key.replace("_", " "), "absent" if numbers is None else ", ".join(map(number_text, numbers))
    yield "roi", _roi(decoded, world)


def _roi(decoded: Decoded, world: World) -> str:
    from zmeta.array.grid import roi_of

    if any(finding.severity == Severity.ERROR for finding in decoded.findings):
        return "cannot be relied on, see the errors"
    if decoded.metadata.voxel_size is None:
        return "absent"
    try:
        roi = roi_of(decoded.metadata, decoded.node.shape, world)
    except ZmetaError as error:
        return "; ".join(part for part in (error.what, error.hint) if part)
    units = dict.fromkeys(world.unit(axis.type) for axis in decoded.metadata.axes if axis.physical)
    stated = any(decoded.metadata.units)
    return f"{roi} " + (", ".join(units) if stated else f"world units ({', '.join(units)} where nothing else is known)")


def show_json(decoded: Decoded, world: World) -> dict[str, object]:
    """Return a description of an array as plain JSON. Numbers are exact where JSON can hold them, else text."""
    node, metadata = decoded.node, decoded.metadata
    result: dict[str, object] = {
        "path": node.path,
        "format": node.format_name,
        "shape": list(node.shape),
        "dtype": node.dtype,
        "convention": metadata.convention,
        "conventions": [claim.id for claim in decoded.claims],
        "axes": list(metadata.names) if any(metadata.names) else None,
        "types": list(metadata.types) if any(metadata.types) else None,
        "units": list(metadata.units) if any(metadata.units) else None,
        "voxel_size": _numbers(metadata.voxel_size),
        "offset": _numbers(metadata.offset),
        "roi": _roi_json(decoded, world),
        "provenance": dict(metadata.provenance),
        "findings": [finding.as_dict() for finding in decoded.findings],
    }
    return result


def _numbers(numbers: object) -> list[object] | None:
    if not isinstance(numbers, tuple):
        return None
    result: list[object] = []
    for number in numbers:
        try:
            result.append(dump_number(number))
        except ValueError:
            result.append(number_text(number))
    return result


def _roi_json(decoded: Decoded, world: World) -> dict[str, object] | None:
    from zmeta.array.grid import roi_of

    if decoded.errors or decoded.metadata.voxel_size is None:
        return None
    try:
        roi = roi_of(decoded.metadata, decoded.node.shape, world)
    except ZmetaError as error:
        return {"error": error.what, "hint": error.hint}
    units = [world.unit(axis.type) for axis in decoded.metadata.axes if axis.physical]
    return {"offset": list(roi.offset), "shape": list(roi.shape), "units": units}
