"""The stores of the tests as their users see them: servers in processes of their own, on this machine.

S3 is moto's server and Azurite is Microsoft's, each behind `s3_proxy.py`; Google Cloud Storage and Azure are `gcs_server.py`
and `azure_server.py`, which are ours. All of them take latency, faults and a log.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import azure_server
import gcs_server
from front import Request

from zmeta.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE = Path(__file__).parent


class Cloud:
    """A server, straight and through what breaks; for ours the two are the same."""

    scheme: ClassVar[str]

    def __init__(self, proxied: str, straight: str = "") -> None:
        self.proxied, self.straight = proxied, straight or proxied

    def reach(self, address: str) -> dict[str, str]:
        """Return the store options that lead to an address."""
        raise NotImplementedError

    def bucket(self, name: str) -> str:
        """Make a bucket, and return its URL."""
        raise NotImplementedError

    @property
    def options(self) -> dict[str, str]:
        """Store options of zmeta."""
        return self.reach(self.proxied)

    @property
    def words(self) -> list[str]:
        """The same options on the command line."""
        return [word for key, value in self.options.items() for word in ("--store-option", f"{key}={value}")]

    def config(self, **changes: Any) -> Config:
        options = {**self.options, **changes.pop("store_options", {})}
        return Config(store_options=options, **changes)

    def behave(self, **how: Any) -> None:
        """Set latency and faults, see `front.Behaviour`, and empty the log."""
        self._ask(Request("PUT", "/__control", {}, json.dumps(how).encode()), self.proxied)

    def log(self) -> list[str]:
        """Return what was asked since the last `behave`."""
        log: list[str] = self._told()["log"]
        return log

    def most(self) -> int:
        """Return how many requests were under way at the same time."""
        return int(self._told()["most"])

    def store(self, name: str, *, proxied: bool = False) -> Any:
        """Return the store of a bucket, given by name or URL, past zmeta."""
        from obstore.store import from_url

        config: Any = self.reach(self.proxied if proxied else self.straight)
        url = f"{self.scheme}://{name.removeprefix(f'{self.scheme}://')}"
        return from_url(url, config=config, client_options={"allow_http": True})

    def _told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._ask(Request("GET", "/__control", {}, b""), self.proxied))
        return told

    def _ask(self, request: Request, address: str) -> bytes:
        body = request.body if request.method == "PUT" else None
        asked = urllib.request.Request(address + request.target, body, request.headers, method=request.method)
        with urllib.request.urlopen(asked) as answer:
            raw: bytes = answer.read()
        return raw


class S3(Cloud):
    """moto's server."""

    scheme = "s3"

    def reach(self, address: str) -> dict[str, str]:
        return {"access_key_id": "testing", "secret_access_key": "testing", "region": "us-east-1", "endpoint": address}

    def bucket(self, name: str) -> str:
        self._ask(Request("PUT", f"/{name}", {}, b""), self.straight)
        return f"s3://{name}"


class Google(Cloud):
    """Our server with the XML API of Google Cloud Storage."""

    scheme = "gs"

    def reach(self, address: str) -> dict[str, str]:
        return {"bearer_token": gcs_server.TOKEN, "base_url": address}

    def bucket(self, name: str) -> str:
        self._ask(Request("PUT", f"/{name}", {"Authorization": f"Bearer {gcs_server.TOKEN}"}, b""), self.straight)
        return f"gs://{name}"


class Azure(Cloud):
    """Our server with the REST API of Azure's blobs, or Azurite."""

    scheme = "az"

    def reach(self, address: str) -> dict[str, str]:
        endpoint = f"{address}/{azure_server.ACCOUNT}"
        return {"account_name": azure_server.ACCOUNT, "account_key": azure_server.KEY, "endpoint": endpoint}

    def bucket(self, name: str) -> str:
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06", "content-length": "0",
                   "content-type": "application/octet-stream"}  # fmt: skip
        request = Request("PUT", f"/{azure_server.ACCOUNT}/{name}?restype=container", headers, b"")
        headers["Authorization"] = azure_server.signed(request)
        self._ask(request, self.straight)
        return f"az://{name}"


@contextmanager
def running(kind: type[Cloud]) -> Iterator[Cloud]:
    """Run one of our servers, or moto; it ends with the block."""
    if kind is S3:
        server = "import sys; from moto.server import main; main(['-H', '127.0.0.1', '-p', sys.argv[1]])"
        with _behind_proxy([sys.executable, "-W", "ignore", "-c", server, "{port}"], kind) as cloud:
            yield cloud
        return
    script = gcs_server.__file__ if kind is Google else azure_server.__file__
    with _printing_port([sys.executable, script]) as address:
        yield kind(address)


@contextmanager
def running_azurite(program: str) -> Iterator[Cloud]:
    """Run Azurite, in memory."""
    quiet = ["--silent", "--disableTelemetry", "--inMemoryPersistence", "--skipApiVersionCheck"]
    with _behind_proxy([program, "--blobHost", "127.0.0.1", "--blobPort", "{port}", *quiet], Azure) as cloud:
        yield cloud


def azurite() -> str | None:
    """Return the program of Azurite: `ZMETA_AZURITE`, or on the path."""
    return os.environ.get("ZMETA_AZURITE") or shutil.which("azurite-blob")


@contextmanager
def _behind_proxy(command: list[str], kind: type[Cloud]) -> Iterator[Cloud]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {**os.environ, "MOTO_S3_CUSTOM_ENDPOINTS": ""}
    words = [word.format(port=port) for word in command]
    with subprocess.Popen(words, env=environment, **quiet) as server:
        try:
            _wait(port, server)
            with _printing_port([sys.executable, str(_HERE / "s3_proxy.py"), str(port)]) as proxied:
                yield kind(proxied, f"http://127.0.0.1:{port}")
        finally:
            server.kill()


@contextmanager
def _printing_port(command: list[str]) -> Iterator[str]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server has ended"
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("the server does not answer")
