"""What stands before the stores of the tests, as a process of its own: connections, latency, faults, and a log of requests.

A server says in `act` what it answers; `s3_proxy.py` asks another one. `PUT /__control` with JSON sets how it behaves;
`GET /__control` returns the log.
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote

#: Headers that set a condition on a write.
CONDITIONS = ("if-match", "if-none-match", "x-goog-if-generation-match")


@dataclass
class Behaviour:
    """Seconds of latency, chances of faults, and what the server cannot do."""

    latency: float = 0.0
    error: float = 0.0  # 500, and nothing was done
    busy: float = 0.0  # told to slow down: 503, of Google 429
    reset: float = 0.0  # the connection breaks before anything is done
    lost: float = 0.0  # it is done, and the connection breaks before the answer
    late_error: float = 0.0  # it is done, and the answer is a 500
    cut: float = 0.0  # half of a body, and the connection breaks
    slow: float = 0.0  # half of a body, a pause, the rest
    hang: float = 0.0  # no answer
    only: str = ""  # faults for requests with this method alone
    unconditional: bool = False  # takes conditions, and writes all the same
    unimplemented: bool = False  # answers 501 to conditions
    forbidden: bool = False  # 403 to everything
    deny: str = ""  # 403 to keys that end so
    refuse: str = ""  # 403 to writes of keys that end so
    pace: float = 0.0  # seconds between two writes of one object; told to slow down before (Google)
    remember: bool = False  # answers to reads come from memory: the server's own speed is not what is measured
    seed: int = 0


class Request(NamedTuple):
    """A request as it came: names of headers are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return unquote(self.target.partition("?")[0])

    def __str__(self) -> str:
        return f"{self.method} {self.target}"


@dataclass
class Front:
    """Answers requests, and breaks as it is told to."""

    behave: Behaviour = field(default_factory=Behaviour)
    log: list[str] = field(default_factory=list)
    under_way: int = 0
    most: int = 0
    chance: random.Random = field(default_factory=random.Random)
    memory: dict[str, bytes] = field(default_factory=dict)

    async def act(self, request: Request) -> bytes:
        """Return the answer to a request."""
        raise NotImplementedError

    def failure(self, status: int, request: Request) -> bytes:
        """Return an answer that says what went wrong, as this kind of store puts it."""
        code = {403: "AccessDenied", 500: "InternalError", 501: "NotImplemented", 503: "SlowDown"}[status]
        return response(status, request, b"<?xml version='1.0'?><Error><Code>%s</Code></Error>" % code.encode())

    #: The status that tells clients to slow down.
    busy = 503

    async def answer(self, request: Request, writer: asyncio.WriteTransport) -> bytes | None:
        if request.target == "/__control":
            return self.control(request)
        self.log.append(str(request))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(self.behave.latency)
            return await self.answer_late(request, writer)
        finally:
            self.under_way -= 1

    async def answer_late(self, request: Request, writer: asyncio.WriteTransport) -> bytes | None:
        behave, path = self.behave, request.path
        refused = bool(behave.refuse) and request.method == "PUT" and path.endswith(behave.refuse)
        if behave.forbidden or refused or (behave.deny and path.endswith(behave.deny)):
            return self.failure(403, request)
        conditional = any(name in request.headers for name in CONDITIONS)
        if conditional and behave.unimplemented:
            return self.failure(501, request)
        faulty = not behave.only or behave.only == request.method
        if faulty and self.happens(behave.hang):
            await asyncio.sleep(3600)
        if faulty and self.happens(behave.reset):
            return None
        if faulty and self.happens(behave.error):
            return self.failure(500, request)
        if faulty and self.happens(behave.busy):
            return self.failure(self.busy, request)
        answer = await self.act(request)
        if faulty and self.happens(behave.lost):
            return None
        if faulty and self.happens(behave.late_error):
            return self.failure(500, request)
        if faulty and request.method == "GET" and len(answer) > 2:
            start = answer.index(b"\r\n\r\n") + 4
            half = start + (len(answer) - start) // 2
            if self.happens(behave.cut):
                writer.write(answer[:half])
                await asyncio.sleep(0)
                return None
            if self.happens(behave.slow):
                writer.write(answer[:half])
                await asyncio.sleep(0)
                await asyncio.sleep(0.2)
                return answer[half:]
        return answer

    def taken(self, request: Request) -> Request:
        """Return a request as a server takes it that may not care for conditions."""
        kept = {name: value for name, value in request.headers.items() if name not in CONDITIONS}
        return request._replace(headers=kept) if self.behave.unconditional else request

    def happens(self, chance: float) -> bool:
        return chance > 0 and self.chance.random() < chance

    def control(self, request: Request) -> bytes:
        if request.method == "PUT":
            self.behave = Behaviour(**json.loads(request.body))
            self.chance.seed(self.behave.seed)
            self.log.clear()
            self.most = 0
            self.memory.clear()
            return response(200, request, b"{}")
        return response(200, request, json.dumps({"log": self.log, "most": self.most}).encode())


class Connection(asyncio.Protocol):
    """A connection of a client; one request after the other."""

    def __init__(self, front: Front) -> None:
        self.front, self.buffer = front, b""
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        for task in self.tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        first, *lines = self.buffer[:end].decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        whole = end + 4 + int(headers.get("content-length", "0"))
        if len(self.buffer) < whole:
            return
        body, self.buffer = self.buffer[end + 4 : whole], self.buffer[whole:]
        known = self.front.memory.get(first.rpartition(" ")[0])
        if known is not None:  # remembered: the way that costs least
            self.front.log.append("remembered")
            asyncio.get_running_loop().call_later(self.front.behave.latency, self.transport.write, known)
            return
        method, target, _ = first.split(" ", 2)
        task = asyncio.ensure_future(self.answer(Request(method, target, headers, body)))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def answer(self, request: Request) -> None:
        answer = await self.front.answer(request, self.transport)
        if answer is None:
            self.transport.close()
        else:
            self.transport.write(answer)


def response(status: int, request: Request, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
    """Return an answer; one to HEAD tells of the body and leaves it away."""
    said = {"Content-Type": "application/xml", "Content-Length": str(len(body)), **(headers or {})}
    head = "".join([f"HTTP/1.1 {status} X\r\n", *(f"{name}: {value}\r\n" for name, value in said.items()), "\r\n"]).encode()
    return head if request.method == "HEAD" else head + body


def serve(front: Front) -> None:
    """Serve until the process is ended, on a port that the first line of the output names."""
    asyncio.run(_serve(front))


async def _serve(front: Front) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Connection(front), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()
