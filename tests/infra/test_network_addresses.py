"""Laws of what a caller is counted under, and of the proxies that are believed."""

import pytest
from pydantic import ValidationError

from data_contracts.errors import Malformed
from infra.network_addresses import networks_of, peer_of
from infra.settings import Settings


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::1"),
        ("", ""),
        ("unknown", "unknown"),
        (":" * 500, ":" * 64),
    ],
)
def test_addresses_that_one_caller_chooses_freely_are_one_peer(host: str, peer: str) -> None:
    """A site's IPv6 network counts as one, a wrapped IPv4 address as itself, and no text grows without bound."""
    assert peer_of(host) == peer


def test_proxies_are_addresses_and_networks() -> None:
    """An IPv4 network is also known as a dual-stack socket shows it."""
    assert networks_of(" 192.0.2.0/24, 2001:db8::1 ,") == ("192.0.2.0/24", "::ffff:192.0.2.0/120", "2001:db8::1/128")
    assert networks_of("") == ()


@pytest.mark.parametrize("text", ["*", "localhost", "192.0.2.1/24", "0.0.0.0/0", "10.0.0.0/8,::/0"])
def test_nobody_is_trusted_by_mistake(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name, a wrong network and everybody are refused when the process starts."""
    with pytest.raises(Malformed):
        networks_of(text)
    monkeypatch.setenv("OO_TRUSTED_PROXIES", text)
    with pytest.raises((ValidationError, Malformed)):
        Settings()


def test_no_proxy_is_trusted_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback neither."""
    assert Settings().proxies == ()
    monkeypatch.setenv("OO_TRUSTED_PROXIES", "127.0.0.1")
    assert "127.0.0.1/32" in Settings().proxies
