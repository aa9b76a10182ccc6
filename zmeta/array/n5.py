"""The pixels of N5 arrays, through tensorstore (extra `n5`); metadata is read without it."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from zmeta.errors import MissingExtraError, NotWritableError, StoreError
from zmeta.stores.paths import SCHEMES, is_url, split_url
from zmeta.stores.remote import current_options

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from zmeta.nodes.node import Node


def _place(path: str) -> dict[str, Any]:
    """Return what tensorstore calls the place of a folder; raises `StoreError` for a store that it does not read."""
    if not is_url(path):
        return {"driver": "file", "path": path}
    root, key = split_url(path)
    scheme, _, name = root.partition("://")
    options = current_options()
    if SCHEMES.get(scheme) in ("http", "https"):
        return {"driver": "http", "base_url": f"{path}/"}
    if SCHEMES.get(scheme) == "gs":
        return {"driver": "gcs", "bucket": name, "path": f"{key}/"}
    if SCHEMES.get(scheme) != "s3":
        raise StoreError("the pixels of N5 arrays are not read from such a store", where=path, expected="s3, gs, https")
    place: dict[str, Any] = {"driver": "s3", "bucket": name, "path": f"{key}/"}
    for option, word in (("region", "aws_region"), ("endpoint", "endpoint")):
        if option in options:
            place[word] = options[option]
    if options.get("anonymous", "") in ("true", "1", "yes", "on"):
        place["aws_credentials"] = {"type": "anonymous"}
    elif "profile" in options:
        place["aws_credentials"] = {"type": "profile", "profile": options["profile"]}
    return place


class N5Pixels:
    """An N5 array in C order, indexed like a numpy array; each access reads or writes at once."""

    def __init__(self, node: Node, *, writable: bool) -> None:
        try:
            import tensorstore
        except ImportError:
            raise MissingExtraError(
                "tensorstore is needed to read the pixels of N5 arrays", where=node.path, hint="pip install 'zmeta[n5]'"
            ) from None
        # tensorstore refuses `axes`, `units` and `resolution` of other writers: it is told what it needs and reads none
        keys = node.documents["attributes.json"].data
        metadata = {key: keys[key] for key in ("dimensions", "blockSize", "dataType")}
        metadata["compression"] = keys.get("compression", {"type": keys.get("compressionType", "raw")})
        spec = {"driver": "n5", "kvstore": _place(node.path), "metadata": metadata}
        try:
            store = tensorstore.open(spec, open=True, assume_metadata=True, read=True, write=writable).result()
        except ValueError as error:
            raise StoreError("tensorstore cannot open the array", where=node.path, found=str(error)[:300]) from None
        self._store = store[tensorstore.d[:].transpose[::-1]] if node.ndim else store
        self._path, self._writable = node.path, writable

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents in C order."""
        return tuple(self._store.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return np.dtype(self._store.dtype.numpy_dtype)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Extents of a block in C order."""
        return tuple(extent or 0 for extent in self._store.chunk_layout.read_chunk.shape or ())

    def __getitem__(self, key: Any) -> Any:
        result = np.asarray(self._store[self._bounded(key)].read().result())
        return result if result.ndim else result[()]

    def __setitem__(self, key: Any, value: Any) -> None:
        if not self._writable:
            raise NotWritableError("the array was opened read-only", where=self._path, hint='open it with mode="r+"')
        self._store[self._bounded(key)].write(np.asarray(value, dtype=self.dtype)).result()

    def _bounded(self, key: Any) -> Any:
        """Return an index with numbers counted from the end, and slices that reach too far, as numpy takes them.

        For tensorstore a negative index is a place left of the array, and no slice may leave it.
        """
        parts = list(key) if isinstance(key, tuple) else [key]
        if not all(part is Ellipsis or isinstance(part, slice | Integral) for part in parts):
            return key
        if Ellipsis not in parts:
            parts.append(Ellipsis)
        at = parts.index(Ellipsis)
        parts[at : at + 1] = [slice(None)] * (self.ndim - len(parts) + 1)
        if len(parts) != self.ndim:
            raise IndexError(f"{len(parts)} indices for {self.ndim} dimensions")
        return tuple(_bounded(part, extent) for part, extent in zip(parts, self.shape, strict=True))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype=dtype)

    def __repr__(self) -> str:
        return f"<N5Pixels shape={self.shape} dtype={self.dtype}>"


def _bounded(part: Any, extent: int) -> Any:
    if isinstance(part, slice):
        start, stop, step = part.indices(extent)
        return slice(start, stop if stop >= 0 else None, step) if (stop - start) * step > 0 else slice(0, 0)
    index = int(part)
    if not -extent <= index < extent:
        raise IndexError(f"index {index} is out of bounds for an extent of {extent}")
    return index % extent
