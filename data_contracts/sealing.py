"""What a store of personal texts needs of the vault."""

from typing import Protocol

from data_contracts.identifiers import PersonId


class Sealer(Protocol):
    """Encrypts and decrypts for one person and field, so that a box opens nowhere else."""

    def seal(self, person: PersonId, field: str, text: bytes) -> bytes:
        """Encrypt for one person and field."""

    def open(self, person: PersonId, field: str, box: bytes) -> bytes:
        """Decrypt; raises `Malformed`."""
