"""The pixels of N5 arrays, through tensorstore (extra `n5`); metadata is read without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from zmeta.errors import MissingExtraError, StoreError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from zmeta.nodes.node import Node


class N5Pixels:
    """An N5 array in C order, indexed like a numpy array; each access reads or writes at once."""

    def __init__(self, node: Node) -> None:
        try:
            import tensorstore
        except ImportError:
            raise MissingExtraError(
                "tensorstore is needed to read the pixels of N5 arrays", where=node.path, hint="pip install 'zmeta[n5]'"
            ) from None
        spec = {"driver": "n5", "kvstore": {"driver": "file", "path": node.path}}
        try:
            store = tensorstore.open(spec, open=True, create=False).result()
        except ValueError as error:
            raise StoreError("tensorstore cannot open the array", where=node.path, found=str(error)[:300]) from None
        self._store = store[tensorstore.d[:].transpose[::-1]] if node.ndim else store

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
        return tuple(self._store.chunk_layout.read_chunk.shape)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        return np.asarray(self._store[key].read().result())

    def __setitem__(self, key: Any, value: Any) -> None:
        self._store[key].write(value).result()

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype=dtype)

    def __repr__(self) -> str:
        return f"<N5Pixels shape={self.shape} dtype={self.dtype}>"
