"""A real S3 server in a process of its own (moto's), behind `s3_proxy.py`, for tests and benchmarks."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zmeta.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROXY = Path(__file__).parent / "s3_proxy.py"
_SERVER = "import sys; from moto.server import main; main(['-H', '127.0.0.1', '-p', sys.argv[1]])"
_KEYS = {"access_key_id": "testing", "secret_access_key": "testing", "region": "us-east-1"}


@dataclass(frozen=True)
class S3:
    """Two ways to one server: straight to it, and through the proxy."""

    straight: str
    proxied: str

    @property
    def options(self) -> dict[str, str]:
        """Store options of zmeta."""
        return {**_KEYS, "endpoint": self.proxied}

    def config(self, **changes: Any) -> Config:
        options = {**self.options, **changes.pop("store_options", {})}
        return Config(store_options=options, **changes)

    def behave(self, **how: Any) -> None:
        """Set latency and faults, see `s3_proxy.Behaviour`, and empty the log."""
        request = urllib.request.Request(f"{self.proxied}/__control", json.dumps(how).encode(), method="PUT")
        urllib.request.urlopen(request).close()

    def log(self) -> list[str]:
        """Return what was asked since the last `behave`."""
        with urllib.request.urlopen(f"{self.proxied}/__control") as answer:
            log: list[str] = json.load(answer)["log"]
        return log

    def most(self) -> int:
        """Return how many requests were under way at the same time."""
        with urllib.request.urlopen(f"{self.proxied}/__control") as answer:
            return int(json.load(answer)["most"])

    def store(self, bucket: str, *, proxied: bool = False) -> Any:
        """Return a store of obstore, past zmeta."""
        from obstore.store import S3Store

        endpoint = self.proxied if proxied else self.straight
        keys: Any = {**_KEYS, "endpoint": endpoint}
        return S3Store(bucket, config=keys, client_options={"allow_http": True})

    def bucket(self, name: str) -> str:
        """Make a bucket, and return its URL."""
        request = urllib.request.Request(f"{self.straight}/{name}", method="PUT")
        urllib.request.urlopen(request).close()
        return f"s3://{name}"


@contextmanager
def running() -> Iterator[S3]:
    """Run the server and the proxy; both end with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "MOTO_S3_CUSTOM_ENDPOINTS": ""}
    command = [sys.executable, "-W", "ignore", "-c", _SERVER, str(port)]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    with subprocess.Popen(command, **quiet) as server:
        try:
            _wait(port, server)
            with subprocess.Popen([sys.executable, str(_PROXY), str(port)], stdout=subprocess.PIPE, text=True) as proxy:
                try:
                    assert proxy.stdout is not None
                    yield S3(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{int(proxy.stdout.readline())}")
                finally:
                    proxy.kill()
        finally:
            server.kill()


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, "the S3 server has ended"
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("the S3 server does not answer")
