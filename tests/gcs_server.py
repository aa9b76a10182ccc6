"""A small server with the XML API of Google Cloud Storage, as a process of its own, for tests.

It is ours, not Google's: written from the public reference of the XML API, as far as zmeta and obstore use it. Each version
of an object has its generation, and `x-goog-if-generation-match` (0: absent) is decided together with the write. A bucket
whose name starts with `public` needs no token.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from front import Front, Request, response, serve
from objects import Bucket, Object

#: What lets a request in: a bearer token, or the account that signed one.
TOKEN = "testing"
ACCOUNT = "lab@example.iam.gserviceaccount.com"

_WORDS = {
    "AccessDenied": (403, "Access denied."),
    "AuthenticationRequired": (401, "Authentication required."),
    "BucketAlreadyOwnedByYou": (409, "Your previous request to create the named bucket succeeded and you already own it."),
    "InvalidArgument": (400, "Invalid argument."),
    "NoSuchBucket": (404, "The specified bucket does not exist."),
    "NoSuchKey": (404, "The specified key does not exist."),
    "PreconditionFailed": (412, "At least one of the pre-conditions you specified did not hold."),
    "SlowDown": (429, "The object exceeded the rate limit for object mutation operations (create, update, and delete)."),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "NotImplemented": (501, "A header you provided implies functionality that is not implemented."),
}
_BY_STATUS = {status: code for code, (status, _) in _WORDS.items() if code != "BucketAlreadyOwnedByYou"}
_MOST = 1000


@dataclass
class Google(Front):
    buckets: dict[str, Bucket] = field(default_factory=dict)
    written: dict[str, float] = field(default_factory=dict)
    busy = 429

    def failure(self, status: int, request: Request) -> bytes:
        return error(_BY_STATUS[status], request)

    async def act(self, request: Request) -> bytes:
        bucket, _, name = request.path.lstrip("/").partition("/")
        refused = self.refusal(bucket, request.headers.get("authorization", ""))
        if refused:
            return error(refused, request)
        if not name and request.method == "PUT":
            if bucket in self.buckets:
                return error("BucketAlreadyOwnedByYou", request)
            self.buckets[bucket] = Bucket()
            return response(200, request)
        if bucket not in self.buckets:
            return error("NoSuchBucket", request)
        if not name:
            return listed(bucket, self.buckets[bucket], request)
        if request.method in ("PUT", "DELETE"):
            return self.change(self.buckets[bucket], name, self.taken(request))
        there = self.buckets[bucket].objects.get(name)
        return error("NoSuchKey", request) if there is None else response(200, request, there.raw, told(there))

    def refusal(self, bucket: str, authorization: str) -> str:
        """Return what is wrong with the token, nothing for one that is known."""
        token = authorization.removeprefix("Bearer").strip()
        if token == TOKEN or (not token and bucket.startswith("public")):
            return ""
        if not token:
            return "AccessDenied"
        claims = token.split(".")[1] if token.count(".") == 2 else ""
        known = claims and json.loads(base64.urlsafe_b64decode(claims + "==")).get("iss") == ACCOUNT
        return "" if known else "AuthenticationRequired"

    def change(self, bucket: Bucket, name: str, request: Request) -> bytes:
        there = bucket.objects.get(name)
        since = time.monotonic() - self.written.get(request.path, 0)
        if since < self.behave.pace:
            return error("SlowDown", request)
        expected = request.headers.get("x-goog-if-generation-match")
        if expected is not None and int(expected) != (0 if there is None else there.number):
            return error("PreconditionFailed", request)
        self.written[request.path] = time.monotonic()
        if request.method == "PUT":
            return response(200, request, b"", told(bucket.put(name, request.body)))
        if there is None:
            return error("NoSuchKey", request)
        del bucket.objects[name]
        return response(204, request)


def told(there: Object) -> dict[str, str]:
    """Return the headers of an object. The ETag is that of the bytes: two versions may have the same."""
    return {"ETag": tag(there), "Last-Modified": there.stamp, "x-goog-generation": str(there.number),
            "x-goog-metageneration": "1", "Content-Type": "application/octet-stream"}  # fmt: skip


def tag(there: Object) -> str:
    return f'"{hashlib.md5(there.raw, usedforsecurity=False).hexdigest()}"'


def listed(name: str, bucket: Bucket, request: Request) -> bytes:
    """Return a page of objects; a token leads to the next one."""
    query = dict(parse_qsl(request.target.partition("?")[2], keep_blank_values=True))
    most = min(int(query.get("max-keys", _MOST)), _MOST)
    token = query.get("continuation-token", "")
    after = base64.b64decode(token).decode() if token else query.get("start-after", "")
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    page = bucket.page(prefix, delimiter, after, most)
    cut = "true" if page.then else "false"
    parts = [f"<Name>{name}</Name><Prefix>{escape(prefix)}</Prefix><IsTruncated>{cut}</IsTruncated>"]
    if page.then:
        parts.append(f"<NextContinuationToken>{base64.b64encode(page.then.encode()).decode()}</NextContinuationToken>")
    for key in page.names:
        there = bucket.objects[key]
        modified = there.modified.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        parts.append(f"<Contents><Key>{escape(key)}</Key><Generation>{there.number}</Generation><Size>{len(there.raw)}</Size>"
                     f"<LastModified>{modified}</LastModified><ETag>{escape(tag(there))}</ETag></Contents>")  # fmt: skip
    parts += [f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in page.folders]
    text = "".join(["<?xml version='1.0' encoding='UTF-8'?><ListBucketResult>", *parts, "</ListBucketResult>"])
    return response(200, request, text.encode())


def error(code: str, request: Request) -> bytes:
    status, message = _WORDS[code]
    text = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return response(status, request, text.encode())


if __name__ == "__main__":
    serve(Google())
