"""What all tests share: no network, the same examples of hypothesis on every run, helper modules beside the tests."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloud import Cloud

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # strategies.py; importlib mode adds nothing itself

settings.register_profile(
    "zmeta",
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("zmeta")

_LOOPBACK = ("localhost", "127.0.0.1", "::1", "", None, b"localhost", b"127.0.0.1", b"::1")


class NetworkBlockedError(RuntimeError):
    """A test tried to leave this computer."""


def _refuse(host: object) -> None:
    if host not in _LOOPBACK:
        raise NetworkBlockedError(f"tests run without network, and something asked for {host!r}")


@pytest.fixture(autouse=True, scope="session")
def _no_state_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep runs of migrations out of the user's own folder."""
    patch = pytest.MonkeyPatch()
    patch.setenv("ZMETA_STATE", str(tmp_path_factory.mktemp("state")))
    yield
    patch.undo()


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """Refuse every connection and every name look-up but those of the loopback."""
    patch = pytest.MonkeyPatch()
    getaddrinfo, connect, connect_ex = socket.getaddrinfo, socket.socket.connect, socket.socket.connect_ex
    sendto = socket.socket.sendto

    def checked(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _refuse(address[0])
        return address

    def send_to(self: socket.socket, data: Any, *args: Any) -> int:
        checked(self, args[-1])
        return sendto(self, data, *args)

    def look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse(host)
        return getaddrinfo(host, *args, **kwargs)

    patch.setattr(socket.socket, "connect", lambda self, address: connect(self, checked(self, address)))
    patch.setattr(socket.socket, "connect_ex", lambda self, address: connect_ex(self, checked(self, address)))
    patch.setattr(socket.socket, "sendto", send_to)
    patch.setattr(socket, "getaddrinfo", look_up)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def s3() -> Iterator[Cloud]:
    """An S3 server in a process of its own, behind a proxy."""
    from cloud import S3, running

    with running(S3) as server:
        yield server


@pytest.fixture(scope="session")
def gs() -> Iterator[Cloud]:
    """A server with the API of Google Cloud Storage."""
    from cloud import Google, running

    with running(Google) as server:
        yield server


@pytest.fixture(scope="session")
def az() -> Iterator[Cloud]:
    """A server with the API of Azure's blobs."""
    from cloud import Azure, running

    with running(Azure) as server:
        yield server


@pytest.fixture(scope="session")
def azurite() -> Iterator[Cloud]:
    """Azurite behind a proxy, where it is installed."""
    from cloud import azurite, running_azurite

    program = azurite()
    if program is None:
        pytest.skip("Azurite is not installed: `npm install azurite`, and ZMETA_AZURITE=PATH/TO/azurite-blob")
    with running_azurite(program) as server:
        yield server


@pytest.fixture
def bucket(s3: Cloud) -> Iterator[str]:
    """The URL of a new bucket on S3; the proxy does no harm until it is told to."""
    yield from _bucket(s3)


@pytest.fixture(params=["gs", "az", "azurite"])
def cloud(request: pytest.FixtureRequest) -> Cloud:
    """The stores that are no S3, one after the other."""
    server: Cloud = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def container(cloud: Cloud) -> Iterator[str]:
    """The URL of a new bucket of one of them."""
    yield from _bucket(cloud)


def _bucket(server: Cloud) -> Iterator[str]:
    server.behave()
    yield server.bucket(f"bucket-{uuid4().hex[:12]}")
    server.behave()
