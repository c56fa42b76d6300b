"""Keeps the tests on this machine: an audit hook refuses and remembers every connection that is not loopback."""

import ipaddress
import os
import socket
import sys
from typing import Any

# what the processes of the makefile get too; set before any vendor is imported
TELEMETRY_OFF = {
    "DO_NOT_TRACK": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
}

attempts: list[str] = []
_own_names = {"", "localhost", "localhost.localdomain", socket.gethostname()}


class OutsideWorld(OSError):
    """A test tried to reach another machine."""


def is_local(host: str | bytes | None) -> bool:
    """Say whether a name or an address can only mean this machine."""
    name = host.decode() if isinstance(host, bytes) else host
    if name is None or name in _own_names:
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if not isinstance(address, tuple):  # a unix socket
            return
        host = address[0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if not is_local(host):
        attempts.append(f"{event} {host}")
        raise OutsideWorld(f"a test must not leave this machine: {event} {host!r}")


def close() -> None:
    """Block other hosts for the life of this process; an audit hook cannot be removed."""
    os.environ.update(TELEMETRY_OFF)
    sys.addaudithook(_hook)
