"""Signatures of deliveries, `X-OO-Signature: t=<unix>,v1=<hex HMAC-SHA256 of "t.body">`: the scheme of Stripe.

A sender that changes its secret signs with the old and the new one for a while, and sends both as `v1`.
"""

import hmac
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from data_contracts.errors import BadSignature, StaleSignature

HEADER = "X-OO-Signature"
WINDOW_S = 300
MAX_VALUES = 8
TIME = re.compile(r"0|[1-9][0-9]{0,11}")
VALUE = re.compile(r"[0-9a-fA-F]{64}")
FORM = f"{HEADER} is t=<unix seconds>,v1=<hex HMAC-SHA256 of t, a dot and the body>, with at most {MAX_VALUES} v1"


class Signed(NamedTuple):
    """When a delivery says it was signed, and with what."""

    at_s: int
    values: tuple[str, ...]


def read(header: str) -> Signed:
    """Return what the header says; names other than `t` and `v1` are left to later schemes. Raises `BadSignature`."""
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    values = tuple(value.lower() for name, _, value in pairs if name == "v1")
    sound = len(times) == 1 and TIME.fullmatch(times[0]) and all(VALUE.fullmatch(value) for value in values)
    if not sound or not 0 < len(values) <= MAX_VALUES:
        raise BadSignature(FORM)
    return Signed(int(times[0]), values)


def require_recent(signed: Signed, now_s: float) -> None:
    """Raise `StaleSignature` when the delivery was signed more than five minutes ago, or ahead."""
    if abs(now_s - signed.at_s) > WINDOW_S:
        raise StaleSignature(f"t of {HEADER} is more than {WINDOW_S} seconds away from now")


def sign(secret: bytes, at_s: int, body: bytes) -> str:
    """Return the signature of a body at that second, 64 hex digits."""
    return hmac.new(secret, message(at_s, body), sha256).hexdigest()


def message(at_s: int, body: bytes) -> bytes:
    """Return what is signed."""
    return b"%d.%b" % (at_s, body)


def require_known(signed: Signed, body: bytes, secrets: Sequence[bytes]) -> None:
    """Raise `BadSignature` unless one value is made with one of the secrets; each pair is compared in full."""
    expected = [sign(secret, signed.at_s, body).encode() for secret in secrets]
    matches = [hmac.compare_digest(value.encode(), each) for value in signed.values for each in expected]
    if not any(matches):
        raise BadSignature("no v1 is a signature of this body by the source that the address names")
