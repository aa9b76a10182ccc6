"""The functions of the public face: read the metadata of an array, add metadata to it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from zmeta.add import add_to_node
from zmeta.array.zarr_array import ZarrArray
from zmeta.config import load_config
from zmeta.errors import NodeNotFoundError
from zmeta.nodes.node import absolute, find_twins, join_dataset, open_array_node
from zmeta.pipeline import decode_node
from zmeta.stores.registry import locate
from zmeta.stores.remote import using
from zmeta.stores.zarr_ import is_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from zmeta.array.identifier import HasContainerAndDataset
    from zmeta.canonical.metadata import Metadata
    from zmeta.config import Config
    from zmeta.finding import Finding
    from zmeta.profile import Profile


def _locate(array: ZarrArray | str | os.PathLike[str] | HasContainerAndDataset) -> tuple[str, str | None]:
    """Return the folder of an array, and of its container where that is known."""
    if isinstance(array, ZarrArray):
        return array.node.path, absolute(locate(array.file_name))
    if isinstance(array, str | os.PathLike) or is_store(array):
        return absolute(locate(array)), None
    if not (hasattr(array, "container") and hasattr(array, "dataset")):
        expected = "a path, a URL, a ZarrArray, a zarr store, or an object with `container` and `dataset`"
        raise NodeNotFoundError("this does not name an array", expected=expected, found=repr(array)[:80])
    container = absolute(locate(array.container))
    return join_dataset(container, array.dataset), container


def read_metadata(
    array: ZarrArray | str | os.PathLike[str] | HasContainerAndDataset, *, config: Config | None = None
) -> tuple[Metadata, tuple[Finding, ...]]:
    """Read the canonical metadata of an array, exactly, with everything that is worth knowing about it.

    Parameters
    ----------
    array : ZarrArray, path, URL, or object with `container` and `dataset`
    config : Config, optional
        Settings instead of those of `zmeta.toml`.

    Returns
    -------
    (Metadata, tuple of Finding)
        With an error among the findings the metadata is not to be relied on.

    Raises
    ------
    NodeNotFoundError, NodeTypeError, DocumentError, StoreError
        There is no array, or its documents cannot be read.

    Examples
    --------
    >>> import tempfile, zarr
    >>> folder = tempfile.mkdtemp()
    >>> _ = zarr.create_array(folder, shape=(5, 5), dtype="uint8", attributes={"resolution": [4.5, 9], "offset": [0, 0]})
    >>> metadata, findings = read_metadata(folder)
    >>> metadata.voxel_size, metadata.provenance["voxel_size"]
    ((Fraction(9, 2), Fraction(9, 1)), 'from `resolution`')
    """
    path, root = _locate(array)
    settings = (config or load_config()).for_path(path)
    with using(settings.store_options):
        node = open_array_node(path, root)
        decoded = decode_node(node, settings.reading())
        return decoded.metadata, (*decoded.findings, *find_twins(node))


def add_metadata(
    array: ZarrArray | str | os.PathLike[str] | HasContainerAndDataset,
    payload: Mapping[str, object] | object,
    *,
    profiles: Iterable[Profile] = (),
    convention: str | None = None,
    config: Config | None = None,
) -> tuple[Finding, ...]:
    """Add metadata to an array: validated before a byte changes, all or nothing, atomic.

    Parameters
    ----------
    array : ZarrArray, path, URL, or object with `container` and `dataset`
    payload : mapping, pydantic model, or Metadata
        The core keys `axes` and `types` (one entry per dimension), `units`, `voxel_size` and `offset` (one entry per
        physical axis, in C order, numbers in the axis' unit, the offset of the corner) are typed strictly and written in
        the convention that the array already uses. Keys replace those that are there; all others stay. A key that looks
        like a misspelt core key (`unit`, `voxelsize`) is refused unless a profile names it. Other keys are custom
        attributes; those of a convention (such as `resolution`) may be given as they are, if the result is sound.
        On level 0 of an OME-NGFF image the core keys are those of the image: the lower levels go along. A lower level
        changes alone, and cannot change the units, which all levels share.
    profiles : sequence of Profile
        Profiles that the result must fit, besides those of the config.
    convention : str, optional
        State the core keys in this convention first, such as `zmeta` on an array that has only `resolution`, which has no
        place for units. What the array speaks already stays beside it and is kept in agreement.
    config : Config, optional
        Settings instead of those of `zmeta.toml`.

    Returns
    -------
    tuple of Finding
        Warnings and notes about the result.

    Raises
    ------
    MetadataError
        Refused: `findings` holds everything that is wrong, and the documents are untouched.
    ConflictError
        Others kept changing the document.
    NodeNotFoundError, NodeTypeError, DocumentError, StoreError
        There is no array, or its documents cannot be read or written.

    Examples
    --------
    >>> import tempfile, zarr
    >>> folder = tempfile.mkdtemp()
    >>> _ = zarr.create_array(folder, shape=(5, 5), dtype="uint8", attributes={"resolution": [4, 4], "offset": [0, 0]})
    >>> _ = add_metadata(folder, {"voxel_size": [8, 8], "stain": "OTO"})
    >>> dict(zarr.open_array(folder).attrs)
    {'resolution': [8, 8], 'offset': [0, 0], 'stain': 'OTO'}
    >>> add_metadata(folder, {"voxel_size": [8, 0]})
    Traceback (most recent call last):
        ...
    zmeta.errors.MetadataError: refused, nothing was written
      where:    ...
      error ZM103: a voxel size must be a positive finite number (found 0) [...
    """
    if isinstance(array, ZarrArray):
        return array.add_metadata(payload, profiles=profiles, convention=convention)
    path, root = _locate(array)
    return add_to_node(path, root, payload, profiles=profiles, config=config, convention=convention)
