"""A small server with the REST API of Azure's blobs, as a process of its own, for tests.

It is ours, not Microsoft's: written from the public reference, as far as zmeta and obstore use it. Azurite serves the same
requests; where it is installed, the tests run on it as well. `If-Match` and `If-None-Match: *` are decided together with the
write. Signatures are verified. A container whose name starts with `public` needs none.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from front import Front, Request, response, serve
from objects import Bucket, Object

#: The account and key that Microsoft publishes for emulators, and what else lets a request in.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
SIGNATURE, TOKEN = "testing", "testing"

_WORDS = {
    "AuthenticationFailed": (403, "Server failed to authenticate the request."),
    "AuthorizationPermissionMismatch": (403, "This request is not authorized to perform this operation."),
    "BlobAlreadyExists": (409, "The specified blob already exists."),
    "BlobNotFound": (404, "The specified blob does not exist."),
    "ConditionNotMet": (412, "The condition specified using HTTP conditional header(s) is not met."),
    "ContainerAlreadyExists": (409, "The specified container already exists."),
    "ContainerNotFound": (404, "The specified container does not exist."),
    "InternalError": (500, "The server encountered an internal error. Please retry the request."),
    "LeaseIdMissing": (412, "There is currently a lease on the blob and no lease ID was specified in the request."),
    "NotImplemented": (501, "The requested operation is not implemented."),
    "ResourceNotFound": (404, "The specified resource does not exist."),
    "ServerBusy": (503, "The server is busy."),
}
_BY_STATUS = {403: "AuthorizationPermissionMismatch", 500: "InternalError", 501: "NotImplemented", 503: "ServerBusy"}
#: Azure gives up to 5000 names at a time, and may give fewer.
_MOST = 500


@dataclass
class Azure(Front):
    containers: dict[str, Bucket] = field(default_factory=dict)

    def failure(self, status: int, request: Request) -> bytes:
        return error(_BY_STATUS[status], request)

    async def act(self, request: Request) -> bytes:
        _, container, name = (*request.path.lstrip("/").split("/", 2), "", "")[:3]
        query = dict(parse_qsl(request.target.partition("?")[2], keep_blank_values=True))
        refused = refusal(request, query, container)
        if refused:
            return error(refused, request)
        if not name and request.method == "PUT":
            if container in self.containers:
                return error("ContainerAlreadyExists", request)
            self.containers[container] = Bucket()
            return response(201, request)
        if container not in self.containers:
            return error("ContainerNotFound", request)
        bucket = self.containers[container]
        if query.get("comp") == "batch":
            return batch(bucket, request)
        if not name:
            return listed(container, bucket, query, request)
        if request.method in ("PUT", "DELETE"):
            return change(bucket, name, self.taken(request))
        there = bucket.objects.get(name)
        return error("BlobNotFound", request) if there is None else response(200, request, there.raw, told(there))


def refusal(request: Request, query: dict[str, str], container: str) -> str:
    """Return what is wrong with the credentials. Who gives none is told of nothing, as Azure does."""
    authorization = request.headers.get("authorization", "")
    if not authorization and "sig" not in query:
        return "" if container.startswith("public") else "ResourceNotFound"
    good = (authorization == f"Bearer {TOKEN}", authorization == signed(request), query.get("sig") == SIGNATURE)
    return "" if any(good) else "AuthenticationFailed"


def signed(request: Request, account: str = ACCOUNT, key: str = KEY) -> str:
    """Return the header `Authorization` of a request by shared key."""
    names = ("content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
             "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range")  # fmt: skip
    values = [request.headers.get(name, "") for name in names]
    values[2] = values[2].removeprefix("0") if values[2] == "0" else values[2]
    path, _, query = request.target.partition("?")
    own = [f"{name}:{value}" for name, value in sorted(request.headers.items()) if name.startswith("x-ms-")]
    asked = [f"{name.lower()}:{value}" for name, value in sorted(parse_qsl(query, keep_blank_values=True))]
    text = "\n".join([request.method, *values, *own, f"/{account}{path}", *asked])
    digest = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    return f"SharedKey {account}:{base64.b64encode(digest).decode()}"


def change(bucket: Bucket, name: str, request: Request) -> bytes:
    there = bucket.objects.get(name)
    if name.startswith("leased/"):
        return error("LeaseIdMissing", request)
    if request.headers.get("if-none-match") == "*" and there is not None:
        return error("BlobAlreadyExists", request)
    expected = request.headers.get("if-match")
    if expected is not None and (there is None or expected not in ("*", tag(there))):
        return error("ConditionNotMet", request)
    if request.method == "PUT":
        return response(201, request, b"", told(bucket.put(name, request.body)))
    if there is None:
        return error("BlobNotFound", request)
    del bucket.objects[name]
    return response(202, request)


def batch(bucket: Bucket, request: Request) -> bytes:
    """Remove the blobs that the parts of a request name; each has its own answer."""
    parts = []
    for number, target in enumerate(re.findall(rb"^DELETE (\S+) HTTP/1.1", request.body, re.MULTILINE)):
        one = Request("DELETE", target.decode(), {}, b"")
        answer = change(bucket, one.path.lstrip("/").split("/", 2)[2], one)
        parts.append(b"--answers\r\nContent-Type: application/http\r\nContent-ID: %d\r\n\r\n%s\r\n" % (number, answer))
    body = b"".join([*parts, b"--answers--\r\n"])
    return response(202, request, body, {"Content-Type": "multipart/mixed; boundary=answers"})


def told(there: Object) -> dict[str, str]:
    return {"ETag": tag(there), "Last-Modified": there.stamp, "x-ms-blob-type": "BlockBlob",
            "Content-Type": "application/octet-stream"}  # fmt: skip


def tag(there: Object) -> str:
    return f'"0x{there.number:X}"'


def listed(name: str, bucket: Bucket, query: dict[str, str], request: Request) -> bytes:
    """Return a page of blobs; a marker leads to the next one."""
    most = min(int(query.get("maxresults", _MOST)), _MOST)
    marker = query.get("marker", "")
    after = base64.b64decode(marker).decode() if marker else ""
    page = bucket.page(query.get("prefix", ""), query.get("delimiter", ""), after, most)
    parts = []
    for key in page.names:
        there = bucket.objects[key]
        parts.append(f"<Blob><Name>{escape(key)}</Name><Properties><Last-Modified>{there.stamp}</Last-Modified>"
                     f"<Etag>{tag(there)[1:-1]}</Etag><Content-Length>{len(there.raw)}</Content-Length>"
                     "<Content-Type>application/octet-stream</Content-Type></Properties></Blob>")  # fmt: skip
    parts += [f"<BlobPrefix><Name>{escape(folder)}</Name></BlobPrefix>" for folder in page.folders]
    then = base64.b64encode(page.then.encode()).decode()
    head = f"<?xml version='1.0' encoding='utf-8'?><EnumerationResults ContainerName='{name}'><Blobs>"
    end = f"</Blobs><NextMarker>{then}</NextMarker></EnumerationResults>"
    return response(200, request, "".join([head, *parts, end]).encode())


def error(code: str, request: Request) -> bytes:
    status, message = _WORDS[code]
    text = f"<?xml version='1.0' encoding='utf-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return response(status, request, text.encode(), {"x-ms-error-code": code})


if __name__ == "__main__":
    serve(Azure())
