"""A proxy before another server, moto's or Azurite, as a process of its own: latency, faults, and a log of what was asked.

S3 decides a conditional write in one instant, and moto, which has threads, does not: writes of one key go through one after
the other.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from dataclasses import dataclass, field

from front import Front, Request, response, serve


@dataclass
class Proxy(Front):
    upstream: int = 0
    locks: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def act(self, request: Request) -> bytes:
        request = self.taken(request)
        if request.method in ("GET", "HEAD"):
            known = self.memory.get(str(request)) if self.behave.remember else None
            if known is None:
                known = await self.ask(request)
                if self.behave.remember:
                    self.memory[str(request)] = known
            return known
        self.memory.clear()
        async with self.locks[request.target.partition("?")[0]]:
            return await self.ask(request)

    async def ask(self, request: Request) -> bytes:
        """Ask the server on a connection of its own."""
        for attempt in range(20):
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream)
                break
            except OSError:  # its backlog is full
                await asyncio.sleep(0.01 * 2 ** min(attempt, 5))
        else:
            return self.failure(self.busy, request)
        headers = {**request.headers, "connection": "close"}
        lines = [f"{request} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        writer.write("\r\n".join(lines).encode("latin-1") + request.body)
        await writer.drain()
        answer = await reader.read()
        writer.close()
        if not answer:
            return response(502, request)
        start = answer.find(b"\r\n\r\n")
        said = [line for line in answer[:start].split(b"\r\n") if not line.lower().startswith(b"connection:")]
        said[0] = said[0].replace(b"HTTP/1.0", b"HTTP/1.1")
        told = (b"\r\ncontent-length:", b"\r\ntransfer-encoding:")
        if not any(name in answer[:start].lower() for name in told) and b" 204 " not in said[0]:
            said.append(f"Content-Length: {len(answer) - start - 4}".encode())
        return b"\r\n".join(said) + answer[start:]


if __name__ == "__main__":
    serve(Proxy(upstream=int(sys.argv[1])))
