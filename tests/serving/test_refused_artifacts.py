"""Whatever is wrong with an artifact that the slot names, the process that serves refuses it and goes on."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from data_contracts.identifiers import PolicyDigest
from infra.signing import PolicySeal
from models.policies import STORABLE, Uniform, artifact
from models.policies.laws import trained
from models.policies.policy import Choice, Context, Floats
from models.simulation.warm_start import warm_start
from tests.models.test_artifact import replace_arrays
from tests.serving.world import World, warm_policy

Break = Callable[[Path, PolicySeal], None]


class Slow(Uniform):
    """A policy that thinks for too long."""

    NAME = "slow"

    def choose(self, context: Context, actions: Floats, seed: int) -> Choice:
        """Return the choice of the uniform policy, after sixty milliseconds of work."""
        end = time.thread_time() + 0.06
        while time.thread_time() < end:
            pass
        return super().choose(context, actions, seed)


def signed(folder: Path, seal: PolicySeal) -> None:
    """Sign whatever the manifest says now, as who holds the home's key could."""
    manifest = json.loads((folder / artifact.MANIFEST).read_text())
    manifest["signature"] = seal.sign(artifact.digest_of(manifest))
    (folder / artifact.MANIFEST).write_text(json.dumps(manifest))


def corrupt(folder: Path, _: PolicySeal) -> None:
    """Flip one bit."""
    content = bytearray((folder / artifact.ARRAYS).read_bytes())
    content[9_000] ^= 1
    (folder / artifact.ARRAYS).write_bytes(content)


def not_a_number(folder: Path, seal: PolicySeal) -> None:
    """Put a NaN among the weights, everything else in order."""
    arrays = dict(warm_policy().arrays)
    replace_arrays(folder, {**arrays, "mean": np.where(np.arange(arrays["mean"].size) == 7, np.nan, arrays["mean"])})
    signed(folder, seal)


def other_order(folder: Path, seal: PolicySeal) -> None:
    """Train on features in another order, everything else in order."""
    arrays = dict(warm_policy().arrays)
    replace_arrays(folder, {**arrays, "mean": np.roll(arrays["mean"], 1)})
    signed(folder, seal)


def unsigned(folder: Path, _: PolicySeal) -> None:
    """Take the signature away."""
    manifest = json.loads((folder / artifact.MANIFEST).read_text())
    (folder / artifact.MANIFEST).write_text(json.dumps({**manifest, "signature": None}))


def of_others(folder: Path, _: PolicySeal) -> None:
    """Sign with the key of another home."""
    signed(folder, PolicySeal(folder.parent / "their keys"))


def nothing(_: Path, __: PolicySeal) -> None:
    """Leave it as it is."""


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        (corrupt, "the arrays do not have the sha256 of the manifest"),
        (not_a_number, "array 'mean' must hold finite float64 numbers"),
        (other_order, "a golden vector's mu is not what this policy computes"),
        (unsigned, "the manifest is not signed; `oo sign` puts this home's signature under it"),
        (of_others, "the manifest's signature is not one of this home's key"),
    ],
)
def test_a_bad_artifact_is_refused_and_the_champion_keeps_serving(living: World, damage: Break, rule: str) -> None:
    """The slot names it, the refusal is one sentence, and the next decision is the old champion's."""
    before = ask(living)
    folder = artifact.save(
        warm_policy(), living.home / "policies", sign=living.seal.sign, data_digest=rule, origins={}, metrics={}
    )
    damage(folder, living.seal)
    refused(living, named(folder), before, rule)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_slow_artifact_is_refused_and_the_champion_keeps_serving(
    living: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A policy whose fastest choice takes more than twenty milliseconds never sees a request."""
    monkeypatch.setattr(artifact, "STORABLE", MappingProxyType({**STORABLE, Slow.NAME: Slow}))
    before = ask(living)
    refused(living, living.register(Slow()), before, "20 ms are allowed")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_sound_artifact_takes_over(living: World) -> None:
    """What the tests above damage is served when it is whole."""
    before = ask(living)
    digest = living.promote(trained("linear_thompson", warm_start(3, count=20, days=10)))
    assert digest != before
    assert ask(living) == digest


def ask(living: World) -> str:
    """Return who made the next decision."""
    living.pass_time(hours=20)
    return living.record(living.ask_until_decision()).policy_digest


def named(folder: Path) -> PolicyDigest:
    """Return the digest of a manifest, the folder renamed to it, as a careful attacker would."""
    manifest: dict[str, Any] = json.loads((folder / artifact.MANIFEST).read_text())
    digest = artifact.digest_of(manifest)
    folder.rename(folder.with_name(digest))
    return digest


def refused(living: World, digest: PolicyDigest, before: str, rule: str) -> None:
    """Make the slot name an artifact, and see that nothing came of it."""
    living.make_champion(living.know(digest, "damaged"))
    assert ask(living) == before
    held = living.champion.held
    assert (held.digest, held.refused) == (before, digest)
    assert rule in held.reason
    assert "\n" not in held.reason
