"""Making an array on disk, once all is judged: the array appears whole or not at all, and the groups above list it.

It is made in a hidden folder beside its place, with its attributes, and renamed into it. Where a step fails, the tree is
left as it was. What another process made meanwhile is never replaced. Object stores have no rename: an array that is
replaced there goes first, documents before chunks, and does not come back where a later step fails.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast
from uuid import uuid4

from zmeta.add import apply_edits, plan_changes
from zmeta.errors import ArrayExistsError, ConflictError, StoreError, ZmetaError
from zmeta.jsondoc import dump_json, parse_json
from zmeta.nodes.node import Node, open_node, read_node
from zmeta.nodes.write import Change, update, write
from zmeta.stores.base import refuse_root
from zmeta.stores.local import read_file
from zmeta.stores.paths import is_url, parent, split_url
from zmeta.stores.registry import read
from zmeta.stores.remote import store_of
from zmeta.stores.sync import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

    from zmeta.conventions.base import Edit
    from zmeta.jsondoc import JSONObject
    from zmeta.nodes.node import Format


_DOCUMENTS: dict[Format, tuple[str, ...]] = {2: (".zarray", ".zgroup", ".zattrs"), 3: ("zarr.json",)}
_GROUPS: dict[Format, JSONObject] = {
    2: {"zarr_format": 2},
    3: {"zarr_format": 3, "node_type": "group", "attributes": {}},
}


def make_array(
    node: Node,
    edits: Sequence[Edit],
    chunks: tuple[int, ...],
    dtype: np.dtype[Any],
    root: str,
    *,
    old: Node | None,
) -> None:
    """Make an array with the attributes that edits give it, and edit the groups above; `old` is the one that it replaces.

    Raises `ArrayExistsError` where somebody else has made something in its place meanwhile, `StoreError` where the system
    or zarr refuse.
    """
    if is_url(node.path):
        _make_remote(node, edits, chunks, dtype, root, old=old)
        return
    folder, name = os.path.split(node.path)
    token = uuid4().hex[:12]  # of two processes that make one array none may touch the other's folder
    temporary, aside = (os.path.join(folder, f".{name}.{token}.zmeta-{kind}") for kind in ("tmp", "old"))
    made: list[str] = []
    try:
        _make_groups(node, made)
        own = apply_edits(node, [edit for edit in edits if edit.node.path == node.path])
        names = next((edit.dimension_names for edit in edits if edit.dimension_names is not None), None)
        _make_beside(temporary, own, names, chunks, dtype)
        with _in_place(temporary, node.path, aside, overwrite=old is not None):
            _edit_groups(node, [edit for edit in edits if edit.node.path != node.path], root)
    except OSError as error:
        _undo(made, temporary)
        if isinstance(error, ZmetaError):
            raise
        raise StoreError("cannot create the array", where=node.path, found=error.strerror or str(error)) from None
    except BaseException:
        _undo(made, temporary)
        raise


def _make_remote(
    node: Node, edits: Sequence[Edit], chunks: tuple[int, ...], dtype: np.dtype[Any], root: str, *, old: Node | None
) -> None:
    """Make an array on an object store, which has no rename: it is there once its last document is."""
    own = apply_edits(node, [edit for edit in edits if edit.node.path == node.path])
    names = next((edit.dimension_names for edit in edits if edit.dimension_names is not None), None)
    documents = sorted(_documents(own, names, chunks, dtype).items(), key=lambda document: document[0] == ".zarray")
    made: list[Change] = []
    gone = False
    try:
        for group, _ in reversed(node.ancestors):
            name = "zarr.json" if node.format == 3 else ".zgroup"
            change = Change(f"{group.path}/{name}", None, dump_json(_GROUPS[node.format]))
            if not group.documents and write([change]):
                made.append(change)
        if old is not None:
            _remove_documents(node, old)
            gone = True
            _remove_rest(node.path)
        made += _write_new([Change(f"{node.path}/{name}", None, raw) for name, raw in documents], node.path)
        _edit_groups(node, [edit for edit in edits if edit.node.path != node.path], root)
    except BaseException as error:
        for change in reversed(made):
            with suppress(ZmetaError):
                write([Change(change.file, change.new, None)])
        if gone and isinstance(error, ZmetaError) and not isinstance(error, ArrayExistsError):
            what = "the array that stood there is gone, and the new one could not be made"
            found = ": ".join(filter(None, (error.what, error.found)))
            hint = "run the same call again: it removes what is left of the old array, and makes the new one"
            raise StoreError(what, where=node.path, found=found, hint=hint) from error
        raise


def _write_new(changes: list[Change], path: str) -> list[Change]:
    if not write(changes):
        raise ArrayExistsError("somebody else made something in the place of the array", where=path)
    return changes


def _undo(made: list[str], temporary: str) -> None:
    shutil.rmtree(temporary, ignore_errors=True)
    for path in reversed(made):
        with suppress(OSError):
            if os.path.isdir(path):
                os.rmdir(path)
            elif not _used_by_others(path, made):
                os.unlink(path)


def _used_by_others(file: str, made: list[str]) -> bool:
    """Whether somebody else has edited the document of a group that was made here, or put something into the group."""
    folder, name = os.path.split(file)
    ours = read_file(file) in [dump_json(document) for document in _GROUPS.values()]
    return not ours or (folder in made and os.listdir(folder) != [name])


# --- what is replaced on an object store ------------------------------------------------------------------------------


#: In this order no reader finds half an array: a twin never shows in place of the document that was read, and attributes go
#: after what they belong to.
_REMOVED = ("attributes.json", ".zgroup", ".zarray", "zarr.json", ".zattrs")


def remains(path: str) -> Node | None:
    """Return what is left of an array that was being replaced when that was broken off, told by the mark beside it."""
    raw = read(_mark(path))
    format_: Format = 2 if raw == dump_json(_GROUPS[2]) else 3
    return None if raw is None else Node(path, format_, "array", {}, {})


def _mark(path: str) -> str:
    """Return the key that stands beside an array from before its documents are removed until its chunks are."""
    return f"{parent(path)}/.{os.path.basename(path)}.zmeta-old"


def _remove_documents(node: Node, old: Node) -> None:
    """Remove the documents of an array, and what consolidated copies above say of it: all, or none where one has changed."""
    refuse_root(*split_url(node.path))
    there = {name: raw for name in _REMOVED if (raw := read(f"{node.path}/{name}")) is not None}
    known = {name: document.raw for name, document in old.documents.items()}
    same = known.items() <= there.items() if known else there.keys() <= {".zattrs"}
    marked = same and write([Change(_mark(node.path), None, dump_json(_GROUPS[old.format]))])
    removed = [Change(f"{node.path}/{name}", raw, None) for name, raw in there.items()]
    done = False
    try:
        done = same and write(_consolidate(node, removed))
    finally:
        if marked and not done:
            with suppress(ZmetaError):
                if read_node(node.path) is not None:  # else another process is at it, or it could not be put back
                    _remove_mark(node.path)
    if not done:
        what = "the array, or a copy of its metadata above, was changed by somebody else meanwhile"
        raise ConflictError(what, where=node.path, hint="nothing was removed; look at it, and try again")


def _remove_rest(path: str) -> None:
    store, key = store_of(path)
    store.clear(key)
    _remove_mark(path)


def _remove_mark(path: str) -> None:
    raw = read(_mark(path))
    if raw is not None:
        write([Change(_mark(path), raw, None)])


# --- the groups on the way, and the array -----------------------------------------------------------------------------


def _make_groups(node: Node, made: list[str]) -> None:
    """Make the groups that are missing; what is made is noted as it is, for it is taken away where a later step fails."""
    for group, _ in reversed(node.ancestors):
        if group.documents:
            continue
        _make_folders(group.path, made)
        file = os.path.join(group.path, "zarr.json" if node.format == 3 else ".zgroup")
        if write([Change(file, None, dump_json(_GROUPS[node.format]))]):  # if not, another process makes arrays here, too
            made.append(file)
    _make_folders(os.path.dirname(node.path), made)


def _make_folders(folder: str, made: list[str]) -> None:
    missing = []
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for new in reversed(missing):
        with suppress(FileExistsError):
            os.mkdir(new)
            made.append(new)


def _make_beside(path: str, node: Node, names: list[str] | None, chunks: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Write the documents that zarr makes, with the attributes exactly as they are."""
    documents = _documents(node, names, chunks, dtype)
    os.mkdir(path)
    for name, data in documents.items():
        with open(os.path.join(path, name), "xb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())


def _documents(node: Node, names: list[str] | None, chunks: tuple[int, ...], dtype: np.dtype[Any]) -> dict[str, bytes]:
    """Return the documents of a new array, which zarr makes in memory: on disk its threads write on after a failure."""
    import zarr

    store: dict[str, Any] = {}
    try:
        zarr.create_array(
            zarr.storage.MemoryStore(store),
            shape=node.shape,
            chunks=chunks,
            dtype=dtype,
            zarr_format=cast("Literal[2, 3]", node.format),
            dimension_names=names if node.format == 3 else None,
            fill_value=0 if dtype.kind in "biufc" else None,
        )
    except Exception as error:
        raise StoreError(
            "zarr cannot create the array", where=node.path, found=f"{type(error).__name__}: {error}"[:300]
        ) from error
    documents = {name: parse_json(store[name].to_bytes(), name)[0] for name in _DOCUMENTS[node.format] if name in store}
    if node.format == 3:
        documents["zarr.json"]["attributes"] = node.attributes
    else:
        documents[".zattrs"] = node.attributes
    return {name: dump_json(document) for name, document in documents.items()}


@contextmanager
def _in_place(new: str, path: str, old: str, *, overwrite: bool) -> Iterator[None]:
    """Put the new array in its place for what follows; if that fails, put back what was there."""
    kept = overwrite and os.path.lexists(path)
    if kept:
        os.replace(path, old)
    placed = False
    try:
        _rename(new, path)
        placed = True
        yield
    except BaseException:
        if placed:
            os.replace(path, new)
        if kept:
            os.replace(old, path)
        raise
    sync_folder(os.path.dirname(path))
    if kept:
        _remove(old)


def _rename(new: str, path: str) -> None:
    try:
        os.replace(new, path)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise ArrayExistsError("somebody else made something in the place of the array", where=path) from None
        raise


def _remove(path: str) -> None:
    """Remove what was replaced. The new array is complete, so a file that resists is no failure."""
    if os.path.islink(path) or not os.path.isdir(path):
        with suppress(OSError):
            os.unlink(path)
    else:
        shutil.rmtree(path, ignore_errors=True)


# --- the groups above -------------------------------------------------------------------------------------------------


def _edit_groups(node: Node, edits: Sequence[Edit], root: str) -> None:
    before = {group.path: group.attributes for group, _ in node.ancestors}

    def compute() -> tuple[Sequence[Change], None]:
        fresh = open_node(node.path, root, fresh=True)
        groups = {group.path: group for group, _ in fresh.ancestors}
        if not groups.keys() >= before.keys():
            raise StoreError("a group above cannot be read", where=node.path, found=", ".join(before.keys() - groups.keys()))
        for edit in edits:
            if groups[edit.node.path].attributes != before[edit.node.path]:
                raise StoreError(
                    "the group above was changed by somebody else meanwhile", where=edit.node.path, hint="try again"
                )
        changes = plan_changes(fresh, [replace(edit, node=groups[edit.node.path]) for edit in edits])
        return _consolidate(fresh, changes), None

    update(compute)


def _consolidate(node: Node, changes: Sequence[Change]) -> list[Change]:
    """Add the array, and the groups made for it, to the consolidated copies that groups above keep.

    A reader that trusts such a copy would not see the array, or see the one that it replaced.
    """
    by_file = {change.file: change for change in changes}
    below: list[Node] = [node]
    for group, _ in node.ancestors:
        if group.format == node.format:
            file = os.path.join(group.path, ".zmetadata" if node.format == 2 else "zarr.json")
            raw = by_file[file].old if file in by_file else read(file)
            text = by_file[file].new if file in by_file else raw
            new = None if text is None else _with_entries(text, file, group, below, by_file)
            if new is not None:
                by_file[file] = Change(file, raw, new)
            below.append(group)
    return list(by_file.values())


def _with_entries(text: bytes, file: str, group: Node, below: Sequence[Node], changes: dict[str, Change]) -> bytes | None:
    document, _ = parse_json(text, file)
    holder = document if group.format == 2 else document.get("consolidated_metadata")
    entries = holder.get("metadata") if isinstance(holder, dict) else None
    if not isinstance(holder, dict) or not isinstance(entries, dict):
        return None
    array, *groups = (os.path.relpath(node.path, group.path).replace(os.sep, "/") for node in below)
    stale = (array,) if group.format == 3 else tuple(f"{array}/{name}" for name in _DOCUMENTS[2])
    entries = {key: value for key, value in entries.items() if key not in stale}
    for node, path in zip(below, (array, *groups), strict=True):
        for name in _DOCUMENTS[node.format]:
            key = path if group.format == 3 else f"{path}/{name}"
            source = os.path.join(node.path, name)
            raw = changes[source].new if source in changes else read(source)
            if raw is not None and key not in entries:
                data, _ = parse_json(raw, source)
                entries[key] = {k: v for k, v in data.items() if k != "consolidated_metadata"}
    holder = {**holder, "metadata": entries}
    try:
        return dump_json(holder if group.format == 2 else {**document, "consolidated_metadata": holder}, text)
    except ValueError as error:  # NaN, which zarr once wrote
        hint = "consolidate the metadata anew"
        raise StoreError("the consolidated copy cannot be kept true", where=file, found=str(error), hint=hint) from None
