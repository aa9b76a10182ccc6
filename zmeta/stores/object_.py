"""Object stores through obstore: `s3://`, `gs://`, `az://`, `memory://`, and `https://` to read only.

Credentials are those of `credentials.py`. Failures that pass are tried again by obstore, with back-off.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from zmeta.errors import ConfigError, MissingExtraError, NotWritableError, StoreError, ZmetaError
from zmeta.jsondoc import LIMITS, too_large
from zmeta.stores.base import Content, Listing, UnknownOutcomeError, refuse_root
from zmeta.stores.credentials import addresses, asks_the_machine, credentials
from zmeta.stores.failures import (
    failed,
    first_line,
    may_be_sent_again,
    no_absence,
    no_conflict,
    nobody_answers,
    status_of,
    web_page,
)
from zmeta.stores.named import is_plain, names_below
from zmeta.stores.paths import SCHEMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from zmeta.jsondoc import Limits

_Result = TypeVar("_Result")

#: Options of the HTTP client, which obstore takes apart from those of the store.
_CLIENT = (
    "allow_http", "allow_invalid_certificates", "connect_timeout", "pool_idle_timeout", "pool_max_idle_per_host",
    "proxy_url", "timeout", "user_agent",
)  # fmt: skip
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
#: How often a change is sent at least whose answer is lost.
_LEAST_TRIES = 5
#: Times that a body which broke off is asked for again, beyond what obstore does for a request.
_BODY_TRIES = 6
#: Keys that are removed together; S3 takes as many in one request.
_PAGE = 1000
_DOCUMENTS = ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata", "attributes.json")
#: The client of the first request, where a machine that is not in the cloud may be asked for credentials: no answer is one.
_QUICK = {"timeout": "3s", "connect_timeout": "2s"}


def open_store(root: str, options: Mapping[str, str]) -> ObjectStore:
    """Return the store of a bucket or host; raises `MissingExtraError` without obstore, `ConfigError` for wrong options."""
    scheme, _, name = root.partition("://")
    kind = SCHEMES[scheme]
    obstore = _obstore(root)
    options = dict(options)
    unsafe = _flag(options.pop("unsafe_concurrency", "false"), "unsafe_concurrency")
    if kind == "memory":
        return ObjectStore(root, _memory(name), unsafe=unsafe)
    tries = _number(options.pop("max_retries", "8"), "max_retries")
    retries: dict[str, Any] = {
        "max_retries": tries,
        "retry_timeout": timedelta(seconds=_number(options.pop("retry_timeout", "60"), "retry_timeout")),
        "backoff": {"init_backoff": timedelta(milliseconds=50), "max_backoff": timedelta(seconds=5), "base": 2},
    }
    client = {key: options.pop(key) for key in _CLIENT if key in options}
    client.setdefault("timeout", "30s")
    client.setdefault("connect_timeout", "5s")
    client = {key: f"{value}s" if value.isdigit() and "timeout" in key else value for key, value in client.items()}
    try:
        if kind in ("http", "https"):
            if kind == "http":
                client.setdefault("allow_http", "true")
            store = obstore.store.HTTPStore(root, client_options=client, retry_config=retries)
            return ObjectStore(root, store, can_list=False, can_write=False)
        if _flag(options.pop("anonymous", "false"), "anonymous"):
            options["skip_signature"] = "true"
        found = credentials(kind, options)
        others = list(addresses(kind, options))
        if any(address.startswith("http://") for address in others):
            client.setdefault("allow_http", "true")
        make = partial(obstore.store.from_url, f"{kind}://{name}", **found, **({"config": options} if options else {}))
        store = make(client_options=client, retry_config=retries)
        once = make(client_options=client, retry_config={**retries, "max_retries": 0})
        first = None
        if asks_the_machine(kind, options, found):
            first = make(client_options={**client, **_QUICK}, retry_config={**retries, "max_retries": 2})
    except ZmetaError:
        raise
    except (obstore.exceptions.BaseError, TypeError, ValueError) as error:
        raise ConfigError("the options of the store are wrong", where=root, found=first_line(error)) from None
    return ObjectStore(root, store, unsafe=unsafe, probed=not others, once=once, first=first, retries=tries)


def _obstore(where: str) -> Any:
    try:
        import obstore
        import obstore.exceptions
        import obstore.store
    except ImportError:
        hint = 'pip install "zmeta[remote]"'
        raise MissingExtraError("URLs need obstore, which is not installed", where=where, hint=hint) from None
    return obstore


@lru_cache(maxsize=256)
def _memory(name: str) -> Any:
    """Return a store in the memory of this process; `memory://NAME` is the same one each time."""
    return _obstore(f"memory://{name}").store.MemoryStore()


def _flag(text: str, key: str) -> bool:
    if text.lower() not in (*_TRUE, *_FALSE):
        raise ConfigError(f"the store option `{key}` is wrong", expected="true or false", found=text)
    return text.lower() in _TRUE


def _number(text: str, key: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise ConfigError(f"the store option `{key}` is wrong", expected="a whole number", found=text)
    return int(text)


class ObjectStore:
    """A bucket, or what is used as one; `probed` where it is known that it honours conditions.

    `once` is the same store without tries of its own, for conditional writes: one that is sent again blindly meets itself,
    and by then others have written. `first` is for the first request, where that should not wait long for credentials.
    """

    def __init__(
        self,
        url: str,
        store: Any,
        *,
        can_list: bool = True,
        can_write: bool = True,
        unsafe: bool = False,
        probed: bool = True,
        once: Any = None,
        first: Any = None,
        retries: int = 0,
    ) -> None:
        self.url = url
        self.can_list, self.can_write = can_list, can_write
        self._store, self._once, self._unsafe = store, once or store, unsafe
        self.tries = max(_LEAST_TRIES, retries + 1)
        self._honoured = {"match": probed, "absent": probed}
        self._met, self._first = False, first
        self._kind = SCHEMES.get(url.partition("://")[0], "")
        self._names: dict[str, set[str]] = {}
        self._errors = _obstore(url).exceptions
        self._refusals = (self._errors.PermissionDeniedError, self._errors.UnauthenticatedError)

    def where(self, key: str) -> str:
        """Return the URL of a key."""
        return f"{self.url}/{key}" if key else self.url

    # --- reading ----------------------------------------------------------------------------------------------------

    def read(self, key: str, limits: Limits = LIMITS) -> Content | None:
        """Return what stands at a key with its ETag, None where nothing does."""
        for attempt in range(_BODY_TRIES):
            result = self._ask("read", key, lambda store: store.get(key))
            if result is None:
                return None
            meta = result.meta
            if meta["size"] > limits.max_bytes:
                raise too_large(self.where(key), meta["size"], limits)
            try:
                raw = bytes(result.bytes())
            except self._errors.BaseError as error:  # it broke off
                if attempt + 1 == _BODY_TRIES:
                    raise self._failed("read", key, error) from None
                time.sleep(0.05 * 2**attempt)
                continue
            if not self.can_list and (found := web_page(raw)):
                what, hint = "the server answers with a web page in place of the document", "check the URL, and log in"
                raise StoreError(what, where=self.where(key), found=found, hint=hint)
            return Content(raw, (meta.get("e_tag"), meta.get("version")))
        return None

    def exists(self, key: str) -> bool:
        """Whether something stands at a key; the first question is one whose answer tells a bucket that is not there."""
        met = self._met
        return self._ask("read", key, lambda store: store.head(key) if met else store.get(key)) is not None

    def list_folder(self, folder: str) -> Listing:
        """Return what stands directly below a folder, all pages of it."""
        if not self.can_list:
            return self._named(folder)
        found = self._ask("list", folder, lambda store: store.list_with_delimiter(folder or None))
        if found is None:
            return Listing(frozenset(), ())
        start = len(folder) + 1 if folder else 0
        files = frozenset([entry["path"][start:] for entry in found["objects"]])
        return Listing(files, tuple([path[start:] for path in found["common_prefixes"]]))

    def _named(self, folder: str) -> Listing:
        """Return what documents of a folder name, and those above it in consolidated copies; where none does, say so."""
        prefix = f"{folder}/" if folder else ""
        found = {name: content.raw for name in _DOCUMENTS if (content := self.read(prefix + name)) is not None}
        for name in [name for document, raw in found.items() for name in names_below(document, raw)]:
            above = folder
            for part in name.split("/") if is_plain(name) else ():
                self._names.setdefault(above, set()).add(part)
                above = f"{above}/{part}".lstrip("/")
        if found and folder not in self._names:
            hint = "name the nodes themselves, or consolidate the metadata"
            what = "folders cannot be listed over HTTP, and the metadata names nothing below"
            raise StoreError(what, where=self.where(folder), hint=hint)
        return Listing(frozenset(found), tuple(self._names.get(folder, ())))

    def _ask(self, verb: str, key: str, call: Callable[[Any], _Result]) -> _Result | None:
        """Return an answer, None where nothing is there; anything else is an error."""
        self._meet(verb, key, call)
        for attempt in range(_BODY_TRIES):
            try:
                answer = call(self._store)
            except FileNotFoundError as error:
                if no_absence(error):
                    raise self._failed(verb, key, error) from None
                self._met = True
                return None
            except (self._errors.InvalidPathError, ValueError):  # no key can be called so
                return None
            except self._errors.BaseError as error:
                if "body error" not in str(error) or attempt + 1 == _BODY_TRIES:
                    raise self._failed(verb, key, error) from None
                time.sleep(0.05 * 2**attempt)
                continue
            self._met = True
            return answer
        return None

    def _meet(self, verb: str, key: str, call: Callable[[Any], object]) -> None:
        """Find out at the first request whether there are credentials at all, without many tries."""
        first, self._first = self._first, None
        if first is not None:
            try:
                call(first)
            except (FileNotFoundError, ValueError):
                return
            except self._errors.BaseError as error:
                if nobody_answers(self._kind, error):
                    self._first = first  # whoever asks next is told at once as well
                    raise self._failed(verb, key, error) from None

    # --- writing ----------------------------------------------------------------------------------------------------

    def put(self, key: str, raw: bytes, token: object) -> bool:
        """Write where the key still has an ETag, or is still absent; False where it has changed."""
        self._writable(key)
        if self._unsafe:
            return self._put(self._store, key, raw, "overwrite")
        self._require_conditions(key, "absent" if token is None else "match")
        return self._put(self._once, key, raw, "create" if token is None else self._mode(token, key))

    def _mode(self, token: object, key: str) -> Any:
        tag, version = token if isinstance(token, tuple) else (None, None)
        if tag is None and version is None:
            raise self._refused(key, "it gives no ETag")
        return {name: value for name, value in (("e_tag", tag), ("version", version)) if value is not None}

    def _put(self, store: Any, key: str, raw: bytes, mode: Any) -> bool:
        try:
            store.put(key, raw, mode=mode, use_multipart=False)
        except (self._errors.AlreadyExistsError, self._errors.PreconditionError, self._errors.NotModifiedError) as error:
            if no_conflict(error):
                raise self._failed("write", key, error) from None
            return False
        except (NotImplementedError, self._errors.NotSupportedError) as error:
            raise self._refused(key, first_line(error)) from None
        except (FileNotFoundError, self._errors.BaseError) as error:
            if status_of(error) == 501:
                raise self._refused(key, "501 Not Implemented") from None
            raise self._lost("write", key, error) from None
        return True

    def _lost(self, verb: str, key: str, error: BaseException) -> StoreError:
        """Return the error of a change: of an unknown outcome where it may have happened, or may be sent again."""
        told = self._failed(verb, key, error)
        if isinstance(error, self._errors.GenericError) and may_be_sent_again(error):
            return UnknownOutcomeError(told.what, where=told.where, found=told.found, hint=told.hint)
        return told

    def delete(self, key: str, token: object) -> bool:
        """Remove a key that has an ETag. No store of obstore removes on a condition: a moment is left in between."""
        self._writable(key)
        there = self.read(key)
        if there is None or there.token != token:
            return False
        try:
            self._store.delete(key)
        except FileNotFoundError as error:  # gone: by this request, whose first answer was lost, or by somebody else's
            if no_absence(error):
                raise self._failed("remove", key, error) from None
        except self._errors.BaseError as error:
            raise self._lost("remove", key, error) from None
        return True

    def clear(self, folder: str) -> None:
        """Remove all keys below a folder, a page at a time, in one request where the store takes one."""
        self._writable(folder)
        refuse_root(self.url, folder)
        for attempt in range(_BODY_TRIES):
            try:
                for page in self._store.list(folder, chunk_size=_PAGE):
                    self._remove([path for entry in page if (path := entry["path"]).startswith(f"{folder}/")])
            except (FileNotFoundError, self._errors.BaseError) as error:
                if "body error" not in str(error) or attempt + 1 == _BODY_TRIES:
                    raise self._failed("clear", folder, error) from None
                time.sleep(0.05 * 2**attempt)
            else:
                return

    def _remove(self, keys: list[str]) -> None:
        try:
            self._store.delete(keys)
        except FileNotFoundError as error:  # the first key that is gone ends the request, where the others may still be
            if no_absence(error):
                raise
            for key in keys:
                with suppress(FileNotFoundError):
                    self._store.delete(key)

    def _writable(self, key: str) -> None:
        if not self.can_write:
            hint = "name the bucket, such as s3://bucket/path"
            raise NotWritableError("what is read over HTTP cannot be written", where=self.where(key), hint=hint)

    def _refused(self, key: str, found: str) -> StoreError:
        what = "the store has no conditional writes: another writer's change could be lost"
        hint = "the store option unsafe_concurrency=true writes all the same, where nobody else does"
        return StoreError(what, where=self.where(key), found=found, hint=hint)

    def _require_conditions(self, key: str, condition: str) -> None:
        """Make sure once that a store honours conditions: some take the header and write all the same.

        The key that is tried is nobody's. A store that honours `If-Match` writes nothing.
        """
        if self._honoured[condition]:
            return
        probe = f"{key.rpartition('/')[0]}/.zmeta-probe-{uuid4().hex}".lstrip("/")
        wrote = True  # until it is known that it has not
        try:
            if condition == "absent":
                self._put(self._store, probe, b"{}", "overwrite")
            wrote = self._put(
                self._store, probe, b"{}", "create" if condition == "absent" else {"e_tag": '"0"', "version": "1"}
            )
        except StoreError as error:
            error.where = self.where(key)
            raise
        finally:
            if wrote or condition == "absent":
                with suppress(FileNotFoundError, self._errors.BaseError):
                    self._store.delete(probe)
        if wrote:
            raise self._refused(key, "it ignores " + ("If-None-Match" if condition == "absent" else "If-Match"))
        self._honoured[condition] = True

    # --- errors and pixels ------------------------------------------------------------------------------------------

    def _failed(self, verb: str, key: str, error: BaseException) -> StoreError:
        refused = isinstance(error, self._refusals)
        return failed(self._kind, verb, self.where(key), error, refused=refused)

    def pixels(self, folder: str, *, writable: bool) -> object:
        """Return the place that zarr-python opens an array from."""
        from zarr.storage import ObjectStore as ZarrObjectStore
        from zarr.storage import StorePath

        return StorePath(ZarrObjectStore(self._store, read_only=not (writable and self.can_write)), folder)
