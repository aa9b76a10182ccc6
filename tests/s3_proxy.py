"""A proxy before an S3 server, as a process of its own: latency, faults, and a log of what was asked.

S3 decides a conditional write in one instant, and moto, which has threads, does not: writes of one key go through one after
the other. `PUT /__control` with JSON sets how the proxy behaves; `GET /__control` returns the log.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import defaultdict
from dataclasses import dataclass, field, fields

BUSY = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


@dataclass
class Behaviour:
    """Seconds of latency, chances of faults, and what the server cannot do."""

    latency: float = 0.0
    error: float = 0.0  # 500, and nothing was done
    busy: float = 0.0  # 503 SlowDown
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
    remember: bool = False  # answers to reads come from memory: the server's own speed is not what is measured
    seed: int = 0


@dataclass
class Proxy:
    upstream: int
    behave: Behaviour = field(default_factory=Behaviour)
    log: list[str] = field(default_factory=list)
    under_way: int = 0
    most: int = 0
    locks: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    memory: dict[str, bytes] = field(default_factory=dict)
    chance: random.Random = field(default_factory=random.Random)

    async def answer(self, head: bytes, body: bytes, writer: asyncio.WriteTransport) -> bytes | None:
        method, target = head.split(b" ", 2)[:2]
        if target == b"/__control":
            return self.control(method, body)
        self.log.append(f"{method.decode()} {target.decode()}")
        behave = self.behave
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(behave.latency)
            return await self.answer_late(method, target.decode(), head, body, writer)
        finally:
            self.under_way -= 1

    async def answer_late(
        self, method: bytes, target: str, head: bytes, body: bytes, writer: asyncio.WriteTransport
    ) -> bytes | None:
        asked, behave = f"{method.decode()} {target}", self.behave
        refused = bool(behave.refuse) and method == b"PUT" and target.endswith(behave.refuse)
        if behave.forbidden or refused or (behave.deny and target.endswith(behave.deny)):
            return _response(403, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", method)
        conditional = b"\r\nif-match:" in head.lower() or b"\r\nif-none-match:" in head.lower()
        if conditional and behave.unimplemented:
            return _response(501, b"<?xml version='1.0'?><Error><Code>NotImplemented</Code></Error>", method)
        if conditional and behave.unconditional:
            lines = head.split(b"\r\n")
            head = b"\r\n".join(line for line in lines if not line.lower().startswith((b"if-match:", b"if-none-match:")))
        faulty = not behave.only or behave.only == method.decode()
        if faulty and self.happens(behave.hang):
            await asyncio.sleep(3600)
        if faulty and self.happens(behave.reset):
            return None
        if faulty and self.happens(behave.error):
            return _response(500, b"<?xml version='1.0'?><Error><Code>InternalError</Code></Error>", method)
        if faulty and self.happens(behave.busy):
            return _response(503, BUSY, method)
        answer = await self.forward(method, asked, head, body)
        if faulty and self.happens(behave.lost):
            return None
        if faulty and self.happens(behave.late_error):
            return _response(500, b"<?xml version='1.0'?><Error><Code>InternalError</Code></Error>", method)
        if faulty and method == b"GET" and len(answer) > 2:
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

    def happens(self, chance: float) -> bool:
        return chance > 0 and self.chance.random() < chance

    async def forward(self, method: bytes, asked: str, head: bytes, body: bytes) -> bytes:
        if method in (b"GET", b"HEAD"):
            known = self.memory.get(asked) if self.behave.remember else None
            if known is None:
                known = await self.ask(head, body)
                if self.behave.remember:
                    self.memory[asked] = known
            return known
        self.memory.clear()
        async with self.locks[asked.partition("?")[0]]:
            return await self.ask(head, body)

    async def ask(self, head: bytes, body: bytes) -> bytes:
        """Ask the server on a connection of its own."""
        for attempt in range(20):
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream)
                break
            except OSError:  # its backlog is full
                await asyncio.sleep(0.01 * 2 ** min(attempt, 5))
        else:
            return _response(503, BUSY, b"GET")
        lines = [line for line in head.split(b"\r\n") if line and not line.lower().startswith(b"connection:")]
        writer.write(b"\r\n".join([*lines, b"Connection: close", b"", b""]) + body)
        await writer.drain()
        answer = await reader.read()
        writer.close()
        start = answer.find(b"\r\n\r\n")
        lines = [line for line in answer[:start].split(b"\r\n") if not line.lower().startswith(b"connection:")]
        lines[0] = lines[0].replace(b"HTTP/1.0", b"HTTP/1.1")
        if b"\r\ncontent-length:" not in answer[:start].lower() and b" 204 " not in lines[0]:
            lines.append(f"Content-Length: {len(answer) - start - 4}".encode())
        return b"\r\n".join(lines) + answer[start:]

    def control(self, method: bytes, body: bytes) -> bytes:
        if method == b"PUT":
            self.behave = Behaviour(**json.loads(body))
            self.chance.seed(self.behave.seed)
            self.log.clear()
            self.most = 0
            self.memory.clear()
            return _response(200, b"{}", method)
        return _response(200, json.dumps({"log": self.log, "most": self.most}).encode(), method)


class Connection(asyncio.Protocol):
    """A connection of a client; one request after the other."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy, self.buffer = proxy, b""
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        for task in self.tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        head = self.buffer[:end]
        whole = end + _length(head)
        if len(self.buffer) < whole:
            return
        body, self.buffer = self.buffer[end:whole], self.buffer[whole:]
        known = self.proxy.memory.get(head[: head.index(b" HTTP/")].decode())
        if known is not None:  # remembered: the way that costs least
            self.proxy.log.append("remembered")
            asyncio.get_running_loop().call_later(self.proxy.behave.latency, self.transport.write, known)
            return
        task = asyncio.ensure_future(self.answer(head, body))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def answer(self, head: bytes, body: bytes) -> None:
        answer = await self.proxy.answer(head, body, self.transport)
        if answer is None:
            self.transport.close()
        else:
            self.transport.write(answer)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def _response(status: int, body: bytes, method: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return head if method == b"HEAD" else head + body


async def main(upstream: int) -> None:
    proxy = Proxy(upstream)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(proxy), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


NAMES = [entry.name for entry in fields(Behaviour)]

if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
