"""The household's signature under a policy: Ed25519, made with a key that only who trains and promotes has to read.

`keys/policy_signing.key` signs, `keys/policy_signing.pub` verifies. Both are made at the first use, without a prompt.
A process that serves reads the public half alone, so whoever takes it over can't make a policy that others serve.
Source: RFC 8032. A signature is `ed25519:<first 16 hex digits of the public key's sha256>:<128 hex digits>`.
"""

from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from data_contracts.errors import Malformed
from infra import durable_files

__all__ = ["PolicySeal"]

KEY_BYTES = 32
KEY_NAME_CHARS = 16
USE = b"oO policy manifest, version 1|"  # so that a signature can't be taken for one under something else
PRIVATE, PUBLIC = "policy_signing.key", "policy_signing.pub"


class PolicySeal:
    """Signs digests of manifests, and tells whether a signature is the household's own."""

    def __init__(self, keys: Path) -> None:
        self._keys = keys
        self._public: bytes | None = None

    def sign(self, digest: str) -> str:
        """Return the signature under a digest; the same digest has the same one."""
        private = Ed25519PrivateKey.from_private_bytes(self._private())
        public = private.public_key().public_bytes_raw()
        if public != self.public:
            raise Malformed(f"{PUBLIC} is not the public half of {PRIVATE}")
        return f"ed25519:{_name(public)}:{private.sign(USE + digest.encode()).hex()}"

    def holds(self, digest: str, signature: str) -> bool:
        """Whether this household signed the digest."""
        kind, _, rest = signature.partition(":")
        name, _, text = rest.partition(":")
        if kind != "ed25519" or name != _name(self.public):
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(bytes.fromhex(text), USE + digest.encode())
        except (InvalidSignature, ValueError):
            return False
        return True

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes; raises `Malformed` for a damaged file."""
        if self._public is None:
            path = self._keys / PUBLIC
            if not path.exists():
                private = Ed25519PrivateKey.from_private_bytes(self._private())
                durable_files.create_once(path, private.public_key().public_bytes_raw())
            self._public = _read(path)
        return self._public

    def _private(self) -> bytes:
        path = self._keys / PRIVATE
        if not path.exists():
            durable_files.make_private_folder(self._keys)
            durable_files.create_once(path, Ed25519PrivateKey.generate().private_bytes_raw())
        return _read(path)


def _read(path: Path) -> bytes:
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise Malformed(f"{path.name} does not hold {KEY_BYTES} bytes")
    return key


def _name(public: bytes) -> str:
    return sha256(public).hexdigest()[:KEY_NAME_CHARS]
