"""Signs and verifies policies: Ed25519; only training and promotion read the private key.

`keys/policy_signing.key` signs, `keys/policy_signing.pub` verifies. Both are made once, without a prompt, while the
home is new. Neither is ever made beside the other: a new pair could not verify what the old one signed. After a
rotation, `keys/policy_signing/<name>.pub` still verifies what the older pair of that name signed.
A serving process reads the public half alone, so a compromised one cannot make a policy that others serve.
Source: RFC 8032. A signature is `ed25519:<first 16 hex digits of the public key's sha256>:<128 hex digits>`.
"""

from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from data_contracts.errors import Malformed, NotFound
from infra.fault_injection import crash_point
from infra.keys.key_files import read_key
from infra.storage import files
from infra.storage.locks import locked

__all__ = ["PRIVATE", "PUBLIC", "PolicySeal", "key_name", "signer_of"]

KEY_NAME_CHARS = 16
USE = b"oO policy manifest, version 1|"  # so that a signature can't be taken for one under something else
PRIVATE, PUBLIC, OLDER = "policy_signing.key", "policy_signing.pub", "policy_signing"


class PolicySeal:
    """Signs digests of manifests, and tells whether a signature is this home's own."""

    def __init__(self, keys: Path, *, new: bool = True) -> None:
        """Use the pair in a folder; in a `new` home it is made at the first use where both halves are missing."""
        self._keys = keys
        self._new = new

    def sign(self, digest: str) -> str:
        """Return the signature under a digest; the same digest has the same one under one key."""
        private = Ed25519PrivateKey.from_private_bytes(self._private())
        public = private.public_key().public_bytes_raw()
        if public != self.public:
            with locked(self._keys):  # a rotation replaces both halves under this lock
                private = Ed25519PrivateKey.from_private_bytes(self._private())
                public = private.public_key().public_bytes_raw()
                if public != self.public:
                    raise Malformed(f"{PUBLIC} is not the public half of {PRIVATE}")
        return f"ed25519:{key_name(public)}:{private.sign(USE + digest.encode()).hex()}"

    def holds(self, digest: str, signature: str) -> bool:
        """Whether this home signed the digest, with its current key or with an older one that is still trusted."""
        kind, name = signature.partition(":")[0], signer_of(signature)
        public = {key_name(each): each for each in (self.public, *self._older())}.get(name)
        if kind != "ed25519" or public is None:
            return False
        try:
            signed = bytes.fromhex(signature.rpartition(":")[2])
            Ed25519PublicKey.from_public_bytes(public).verify(signed, USE + digest.encode())
        except (InvalidSignature, ValueError):
            return False
        return True

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes; raises `DamagedStore` for a missing or damaged file."""
        self._make()
        return read_key(self._keys / PUBLIC)

    def older(self) -> list[str]:
        """Return the names of older keys whose signatures still hold."""
        current = key_name(self.public)
        return sorted(name for name in map(key_name, self._older()) if name != current)

    def keep_current(self) -> str:
        """Keep the public half among the older ones, before the pair is replaced, and return its name."""
        public = self.public
        files.make_private_folder(self._keys / OLDER)
        files.create_once(self._keys / OLDER / f"{key_name(public)}.pub", public)
        return key_name(public)

    def replace(self, private: Ed25519PrivateKey) -> None:
        """Put a pair in place of the current one, the private half first."""
        with locked(self._keys):
            files.replace(self._keys / PRIVATE, private.private_bytes_raw())
            crash_point("policy_key_replaced")
            files.replace(self._keys / PUBLIC, private.public_key().public_bytes_raw())

    def finish(self) -> bool:
        """Write the public half of the private one again after a crash between them; return whether they differed."""
        private = Ed25519PrivateKey.from_private_bytes(self._private())
        if private.public_key().public_bytes_raw() == self.public:
            return False
        self.replace(private)
        return True

    def distrust(self, name: str) -> None:
        """Let signatures of an older key hold no more; raises `NotFound`."""
        path = self._keys / OLDER / f"{name}.pub"
        if name not in self.older():
            raise NotFound(f"there is no older signing key {name!r}; `oo keys status` lists them")
        path.unlink()
        files.sync(path.parent)

    def _older(self) -> list[bytes]:
        return [read_key(path) for path in sorted((self._keys / OLDER).glob("*.pub"))]

    def _private(self) -> bytes:
        self._make()
        return read_key(self._keys / PRIVATE)

    def _make(self) -> None:
        """Make the pair in a new home, the private half first; a crash between the halves is mended here."""
        private, public = self._keys / PRIVATE, self._keys / PUBLIC
        if not self._new or public.exists():
            return
        files.make_private_folder(self._keys)
        files.create_once(private, Ed25519PrivateKey.generate().private_bytes_raw())
        made = Ed25519PrivateKey.from_private_bytes(read_key(private))
        files.create_once(public, made.public_key().public_bytes_raw())


def signer_of(signature: str) -> str:
    """Return the name of the key that a signature says it was made with."""
    return signature.partition(":")[2].partition(":")[0]


def key_name(public: bytes) -> str:
    """Return the name of a pair, 16 hex characters."""
    return sha256(public).hexdigest()[:KEY_NAME_CHARS]
