"""What an object store says when it fails, put into words: who is refused, what is not there, what may be tried again."""

from __future__ import annotations

import re

from zmeta.errors import StoreError
from zmeta.stores.credentials import hint_without

_NO_BUCKET = re.compile(
    r"NoSuchBucket|Container(NotFound|BeingDeleted|Disabled)|specified bucket does not exist", re.IGNORECASE
)
#: One of these stands in an error that one of the two patterns around it finds.
_WORDS = ("bucket", "container", "resourcenotfound")
#: What Azure says to anonymous readers in place of a refusal.
_HIDDEN = re.compile(r"<Code>\s*ResourceNotFound")
#: Why Azure does not write, in the status of a condition that is not met.
_HELD = re.compile(r"<Code>\s*(Lease\w+|BlobImmutable\w*|InvalidBlobType|BlobArchived|BlobBeingRehydrated)")
#: Statuses below 500 of requests that were not carried out, and may be sent again.
_AGAIN = (408, 429)
#: How a web page starts, and how far one looks for it.
_PAGES, _LOOK = (b"<!doctype html", b"<html"), 200
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>\s*(\w+)\s*</Code>")


def failed(kind: str, verb: str, where: str, error: BaseException, *, refused: bool) -> StoreError:
    """Return the error that tells of one of obstore's; `refused` where its class says that one may not."""
    text, status = str(error), status_of(error)
    if _NO_BUCKET.search(text):
        return StoreError("there is no such bucket", where=where, hint="check the URL, and the endpoint")
    refused = refused or status in (401, 403)
    hint = "" if refused else hint_without(kind, text)
    if hint:
        return StoreError("there are no credentials for the store", where=where, found=first_line(error), hint=hint)
    if _HIDDEN.search(text):
        hint = "Azure says so of what is not public, to those who are anonymous: check the credentials, and the URL"
    elif _HELD.search(text):
        hint = "the blob is locked: a lease, a policy, or of another type"
    elif refused:
        hint = "check the credentials"
        if kind in ("s3", "gs"):
            hint += "; it also says so of what is absent, to those who may not list"
    elif may_be_sent_again(error):
        hint = "it was tried several times; try again later"
    what = "folder" if verb in ("list", "clear") else "object"
    return StoreError(f"cannot {verb} the {what}", where=where, found=first_line(error), hint=hint)


def no_absence(error: BaseException) -> bool:
    """Whether a store that says `not found` means something else than the key. Asked for all that is absent: it is cheap."""
    text = str(error).lower()
    if not any(words in text for words in _WORDS):
        return False
    return bool(_NO_BUCKET.search(str(error)) or _HIDDEN.search(str(error)))


def no_conflict(error: BaseException) -> bool:
    """Whether a store that says `condition not met` means something else than the condition."""
    return bool(_NO_BUCKET.search(str(error)) or _HELD.search(str(error)))


def may_be_sent_again(error: BaseException) -> bool:
    """Whether a failure passes, or nobody knows what became of the request."""
    status = status_of(error)
    return status in _AGAIN or status >= 500 or not status


def nobody_answers(kind: str, error: BaseException) -> bool:
    """Whether there are no credentials, and no machine in the cloud that would give them."""
    return bool(hint_without(kind, str(error))) and not status_of(error)


def web_page(raw: bytes) -> str:
    """Return the first words of a web page, nothing for what is none."""
    if not raw[:_LOOK].lstrip().lower().startswith(_PAGES):
        return ""
    return " ".join(raw[:_LOOK].decode("utf-8", "replace").split())[:60]


def status_of(error: BaseException) -> int:
    """Return the status of the answer, 0 where there was none."""
    found = _STATUS.search(str(error))
    return int(found[1]) if found else 0


def first_line(error: BaseException) -> str:
    """Return what an error of obstore says, without its insides; obstore leaves secrets out."""
    text = str(error).partition("Debug source")[0]
    code = _CODE.search(text)
    text = text.partition("<?xml")[0].partition("\n")[0].strip().rstrip(":")
    return f"{text} {code[1]}" if code else text or type(error).__name__
