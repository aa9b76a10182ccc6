"""Opening the pixels of an array: the zarr array, or for N5 an object that is indexed alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zmeta.errors import StoreError
from zmeta.stores.paths import is_url
from zmeta.stores.remote import store_of

if TYPE_CHECKING:
    from zmeta.nodes.node import Node


def open_pixels(node: Node, *, writable: bool) -> Any:
    """Open the pixels; raises `MissingExtraError` for N5 without the extra `n5`, `StoreError` for what cannot be opened."""
    if node.format == "n5":
        from zmeta.array.n5 import N5Pixels

        return N5Pixels(node, writable=writable)
    import zarr

    place: Any = node.path
    if is_url(node.path):
        store, folder = store_of(node.path)
        place = store.pixels(folder, writable=writable)
    try:
        return zarr.open_array(place, mode="r+" if writable else "r", zarr_format=node.format)
    except Exception as error:
        raise StoreError(
            "zarr cannot open the array", where=node.path, found=f"{type(error).__name__}: {error}"[:300]
        ) from error
