"""The guard that keeps the tests on this machine."""

import asyncio
import socket

import pytest

from tests.outside_world import OutsideWorld, is_local


def test_a_connection_to_another_machine_is_refused_and_remembered(outside_attempts: list[str]) -> None:
    """TEST-NET-1 is routed nowhere, and still no packet leaves."""
    with socket.socket() as client, pytest.raises(OutsideWorld):
        client.connect(("192.0.2.1", 80))
    assert outside_attempts == ["socket.connect 192.0.2.1"]


def test_a_name_of_another_machine_is_not_even_resolved(outside_attempts: list[str]) -> None:
    """A name server is another machine too."""
    with pytest.raises(OutsideWorld):
        socket.getaddrinfo("example.invalid", 443)
    assert outside_attempts == ["socket.getaddrinfo example.invalid"]


async def test_asyncio_is_refused_as_well(outside_attempts: list[str]) -> None:
    """The event loop goes through the same audited calls."""
    with pytest.raises(OutsideWorld):
        await asyncio.open_connection("192.0.2.1", 80)
    assert outside_attempts


def test_loopback_stays_open() -> None:
    """Real servers of the tests listen there."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("fe80::1%eth0", False),
        ("8.8.8.8", False),
        ("localhost", True),
        (None, True),
    ],
)
def test_only_this_machine_is_local(host: str | None, local: bool) -> None:
    """Addresses and names are judged without a look-up."""
    assert is_local(host) is local
