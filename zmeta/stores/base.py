"""What a store that is not a file system can do: bytes by key, each with a token that changes when they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from zmeta.errors import StoreError
from zmeta.jsondoc import LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.jsondoc import Limits


class Content(NamedTuple):
    """The bytes of a key, and what tells them from other versions: an ETag, a generation, or the bytes themselves."""

    raw: bytes
    token: object


class Listing(NamedTuple):
    """What stands directly below a folder: names of keys, and names of folders, hidden ones among them."""

    files: frozenset[str]
    folders: tuple[str, ...]


class UnknownOutcomeError(StoreError):
    """Nobody knows whether a write has happened: the answer was lost. Whoever wrote must read back."""


class Store(Protocol):
    """Bytes by key. A key is absent (None), present, or the store fails (`StoreError`): three different answers."""

    url: str
    can_list: bool
    can_write: bool
    #: How often a change is sent whose answer is lost; the store itself sends it once.
    tries: int

    def read(self, key: str, limits: Limits = LIMITS) -> Content | None:
        """Return what stands at a key, None where nothing does."""
        ...

    def exists(self, key: str) -> bool:
        """Whether something stands at a key, readable or not."""
        ...

    def list_folder(self, folder: str) -> Listing:
        """Return what stands directly below a folder, without what is deeper. Never asked of an array."""
        ...

    def put(self, key: str, raw: bytes, token: object) -> bool:
        """Write where the key still has a token (None: where it is absent); False where it has not.

        Raises `UnknownOutcomeError` where the answer was lost, and `StoreError` where nothing was written.
        """
        ...

    def delete(self, key: str, token: object) -> bool:
        """Remove a key that still has a token; False where it has not."""
        ...

    def clear(self, folder: str) -> None:
        """Remove all keys below a folder, on no condition; those beside it whose names begin alike stay.

        Raises `StoreError`, also for the root. What was removed before a failure stays so; the rest goes by another call.
        """
        ...

    def pixels(self, folder: str, *, writable: bool) -> object:
        """Return what zarr-python opens an array from."""
        ...


def refuse_root(url: str, folder: str) -> None:
    """Raise for the root of a store: more than one array may stand there, or something else."""
    if not folder:
        hint = "give the array a folder of its own"
        raise StoreError("the root of a bucket or store is not cleared", where=url, hint=hint)


def folder_names(listing: Listing) -> Iterator[tuple[str, bool]]:
    """Yield the folders of a listing as `list_folders` does: sorted, hidden ones left out; no store has links."""
    return iter([(name, False) for name in sorted(listing.folders) if not name.startswith(".")])
