"""A home signs what it trained, and trusts nobody else's signature."""

from pathlib import Path

import pytest

from data_contracts.errors import DamagedStore, Malformed
from infra.signing import PRIVATE, PUBLIC, PolicySeal

DIGEST = "ab" * 32


def test_a_signature_holds_for_its_digest_alone(tmp_path: Path) -> None:
    """It is the same each time, verified by another process, and worth nothing under another digest."""
    signature = PolicySeal(tmp_path / "keys").sign(DIGEST)
    other = PolicySeal(tmp_path / "keys")
    assert other.sign(DIGEST) == signature
    assert other.holds(DIGEST, signature)
    assert not other.holds("cd" * 32, signature)


def test_a_signature_of_another_home_does_not_hold(tmp_path: Path) -> None:
    """Keys are made apart, and what one signed the other refuses, also under the other's key name."""
    ours, theirs = PolicySeal(tmp_path / "ours"), PolicySeal(tmp_path / "theirs")
    foreign = theirs.sign(DIGEST)
    assert not ours.holds(DIGEST, foreign)
    forged = ":".join((*ours.sign(DIGEST).split(":")[:2], foreign.split(":")[2]))
    assert not ours.holds(DIGEST, forged)


@pytest.mark.parametrize("signature", ["", "later", "ed25519", "ed25519:0:zz", "hmac:0:00", f"ed25519::{'00' * 64}"])
def test_what_is_no_signature_does_not_hold(tmp_path: Path, signature: str) -> None:
    """Garbage is refused, not raised on."""
    assert not PolicySeal(tmp_path).holds(DIGEST, signature)


def test_who_only_serves_needs_the_public_half_alone(tmp_path: Path) -> None:
    """Without the private key signatures still verify; the private key is readable by its owner only."""
    signature = PolicySeal(tmp_path).sign(DIGEST)
    assert (tmp_path / PRIVATE).stat().st_mode & 0o777 == 0o600
    (tmp_path / PRIVATE).unlink()
    assert PolicySeal(tmp_path).holds(DIGEST, signature)


def test_a_key_that_is_damaged_or_of_another_pair_is_named(tmp_path: Path) -> None:
    """A short key, and a public half of somebody else, are refused by name."""
    seal = PolicySeal(tmp_path / "one")
    assert seal.public != PolicySeal(tmp_path / "two").public
    (tmp_path / "one" / PUBLIC).write_bytes((tmp_path / "two" / PUBLIC).read_bytes())
    with pytest.raises(Malformed, match="not the public half"):
        PolicySeal(tmp_path / "one").sign(DIGEST)
    (tmp_path / "one" / PUBLIC).write_bytes(b"short")
    with pytest.raises(DamagedStore, match=PUBLIC):
        PolicySeal(tmp_path / "one").holds(DIGEST, f"ed25519::{'00' * 64}")


def test_a_lost_half_is_never_replaced_by_a_half_of_another_pair(tmp_path: Path) -> None:
    """Without the private half nobody signs, and in a home that is not new nothing is made at all."""
    signature = PolicySeal(tmp_path).sign(DIGEST)
    (tmp_path / PRIVATE).unlink()
    with pytest.raises(DamagedStore, match=PRIVATE):
        PolicySeal(tmp_path).sign("cd" * 32)
    assert PolicySeal(tmp_path).holds(DIGEST, signature)
    (tmp_path / PUBLIC).unlink()
    with pytest.raises(DamagedStore, match=PUBLIC):
        PolicySeal(tmp_path, new=False).holds(DIGEST, signature)
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []
