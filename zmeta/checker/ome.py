"""What several rules ask about the groups of OME-NGFF: the paths that they state, the images that they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.site import GroupSite, Path
    from zmeta.jsondoc import JSONObject
    from zmeta.nodes.node import Node


def stated_paths(site: GroupSite) -> Iterator[tuple[Path, str]]:
    """Yield where a plate, a well or a list of labels states the path of a group, and the path."""
    path, keys = site.ome
    for above, below in (("plate", "wells"), ("well", "images")):
        holder = keys.get(above)
        entries = holder.get(below) if isinstance(holder, dict) else None
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            name = entry.get("path") if isinstance(entry, dict) else None
            if isinstance(name, str):
                yield (*path, above, below, index, "path"), name
    labels = keys.get("labels")
    for index, name in enumerate(labels if isinstance(labels, list) else ()):
        if isinstance(name, str):
            yield (*path, "labels", index), name


def images_of(group: Node) -> list[JSONObject]:
    """Return the entries of `multiscales` of a group."""
    inner = group.attributes.get("ome")
    images = (inner if isinstance(inner, dict) else group.attributes).get("multiscales")
    return [image for image in images if isinstance(image, dict)] if isinstance(images, list) else []
