"""Network addresses of callers, as connections and attempts are counted by them."""

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from data_contracts.errors import Malformed

SITE_BITS = 64  # of IPv6: what one site gets; its devices choose the rest freely
MAPPED_BITS = 96  # before an IPv4 address inside of IPv6
MAX_NAME = 64
IPV4 = 4


def address_of(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a text is, IPv4 where a dual-stack socket wraps it in IPv6; None for anything else."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def peer_of(host: str) -> str:
    """Return one name for all addresses that one caller can choose freely; what is no address stays as it is."""
    address = address_of(host) if ":" in host else None
    if address is None:
        return host[:MAX_NAME]
    if address.version == IPV4 or address.is_loopback:
        return str(address)
    return str(ip_network((address, SITE_BITS), strict=False))


def networks_of(text: str) -> tuple[str, ...]:
    """Return the networks in a comma-separated list; IPv4 ones also as a dual-stack socket sees them.

    Raises `Malformed` for what is neither an address nor a network, and for a network of everybody.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    return tuple(form for word in words for form in _forms(_network(word)))


def _network(word: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(word)
    except ValueError as error:
        raise Malformed(f"{word!r} is neither an address nor a network such as 192.0.2.0/24") from error
    if not network.prefixlen:
        raise Malformed(f"{word!r} is everybody; name the proxies that stand in front of this server")
    return network


def _forms(network: IPv4Network | IPv6Network) -> Iterable[str]:
    yield str(network)
    if isinstance(network, IPv4Network):
        yield f"::ffff:{network.network_address}/{MAPPED_BITS + network.prefixlen}"


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
