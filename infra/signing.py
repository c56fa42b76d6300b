"""The household's signature under a policy: Ed25519, made with a key that only who trains and promotes has to read.

`keys/policy_signing.key` signs, `keys/policy_signing.pub` verifies. Both are made once, without a prompt, while the
home is new. Neither is ever made beside the other: a new pair could not verify what the old one signed.
A process that serves reads the public half alone, so whoever takes it over can't make a policy that others serve.
Source: RFC 8032. A signature is `ed25519:<first 16 hex digits of the public key's sha256>:<128 hex digits>`.
"""

from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from data_contracts.errors import Malformed
from infra import durable_files
from infra.key_files import read_key

__all__ = ["PolicySeal"]

KEY_NAME_CHARS = 16
USE = b"oO policy manifest, version 1|"  # so that a signature can't be taken for one under something else
PRIVATE, PUBLIC = "policy_signing.key", "policy_signing.pub"


class PolicySeal:
    """Signs digests of manifests, and tells whether a signature is the household's own."""

    def __init__(self, keys: Path, *, new: bool = True) -> None:
        """Use the pair in a folder; in a `new` home it is made at the first use where both halves are missing."""
        self._keys = keys
        self._new = new
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
        """The public key, 32 bytes; raises `DamagedStore` for a missing or damaged file."""
        if self._public is None:
            self._make()
            self._public = read_key(self._keys / PUBLIC)
        return self._public

    def _private(self) -> bytes:
        self._make()
        return read_key(self._keys / PRIVATE)

    def _make(self) -> None:
        """Make the pair in a new home, the private half first; a crash between the halves is mended here."""
        private, public = self._keys / PRIVATE, self._keys / PUBLIC
        if not self._new or public.exists():
            return
        durable_files.make_private_folder(self._keys)
        durable_files.create_once(private, Ed25519PrivateKey.generate().private_bytes_raw())
        made = Ed25519PrivateKey.from_private_bytes(read_key(private))
        durable_files.create_once(public, made.public_key().public_bytes_raw())


def _name(public: bytes) -> str:
    return sha256(public).hexdigest()[:KEY_NAME_CHARS]
