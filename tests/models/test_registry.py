import json
import shutil
from pathlib import Path

import pytest

from data_contracts.errors import ArtifactRefused, NotFound
from models.policies import ArtifactPolicy, Uniform, artifact
from models.registry.policy_registry import PolicyRegistry
from tests.models.test_artifact import trusts


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the registry lies."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def registry(place: Path) -> PolicyRegistry:
    """One MLflow on a database file and a local folder."""
    return registry_in(place)


def registry_in(home: Path) -> PolicyRegistry:
    """Return the registry of a folder."""
    return PolicyRegistry(
        f"sqlite:///{home}/mlflow.db", artifacts=home / "artifacts", policies=home / "policies", verify=trusts
    )


def other(tmp_path: Path, data: str) -> Path:
    """Another artifact, told apart by its data."""
    return artifact.save(Uniform(), tmp_path, sign=str, data_digest=data, origins={"live": 1}, metrics={})


def test_a_registered_policy_is_fetched_by_digest_and_by_alias(registry: PolicyRegistry, saved: Path) -> None:
    """A registered policy is fetched by digest and by alias."""
    version = registry.register(saved, {"silence_rate": 0.3})
    assert registry.register(saved) == version
    registry.set_alias("champion", saved.name)
    fetched = registry.fetch("champion")
    assert fetched == registry.fetch(saved.name)
    assert fetched.name == saved.name
    assert artifact.load(fetched, verify=trusts).policy.digest == saved.name
    found = next(row for row in registry.versions() if row.digest == saved.name)
    assert (found.version, found.aliases, found.origin) == (version, ("champion",), "simulated=2")
    assert found.data_digest == "d" * 64


def test_an_alias_moves_and_nothing_is_deleted(registry: PolicyRegistry, tmp_path: Path) -> None:
    """An alias moves and nothing is deleted."""
    first, second = other(tmp_path, "1"), other(tmp_path, "2")
    for folder in (first, second):
        registry.register(folder)
        registry.set_alias("challenger", folder.name)
    assert registry.fetch("challenger").name == second.name
    assert registry.fetch(first.name).name == first.name
    versions = [row.version for row in registry.versions()]
    assert versions == sorted(versions, reverse=True)


def test_a_registry_that_was_moved_keeps_new_policies_where_it_is(
    registry: PolicyRegistry, place: Path, tmp_path: Path
) -> None:
    """MLflow remembers the former place of the artifacts; nothing is written there any more."""
    older, newer, newest = (other(tmp_path / "made", data) for data in ("3", "4", "5"))
    registry.register(older)
    before = set(place.rglob("*"))
    moved = Path(shutil.copytree(place, tmp_path / "moved"))
    files = len(list((moved / "artifacts").rglob("manifest.json")))
    for number, folder in enumerate((newer, newest), 1):
        again = registry_in(moved)
        again.register(folder)
        assert len(list((moved / "artifacts").rglob("manifest.json"))) == files + number
    assert again.fetch(newer.name).name == newer.name
    assert again.fetch(older.name).name == older.name
    assert set(place.rglob("*")) == before


def test_what_was_never_registered_is_not_found(registry: PolicyRegistry) -> None:
    """What was never registered is not found."""
    with pytest.raises(NotFound):
        registry.fetch("a" * 64)
    with pytest.raises(NotFound):
        registry.set_alias("champion", "a" * 64)


def test_a_broken_artifact_is_not_registered(registry: PolicyRegistry, saved: Path) -> None:
    """A broken artifact is not registered."""
    (saved / artifact.ARRAYS).write_bytes(b"")
    with pytest.raises(ArtifactRefused):
        registry.register(saved)


def test_a_copy_that_rotted_in_the_registry_is_refused(
    registry: PolicyRegistry, tmp_path: Path, small: ArtifactPolicy
) -> None:
    """A copy that rotted in the registry is refused."""
    folder = artifact.save(small, tmp_path, sign=str, data_digest="rot", origins={}, metrics={})
    registry.register(folder)
    for copy in registry._artifacts.rglob(artifact.MANIFEST):
        if artifact.digest_of(json.loads(copy.read_text())) == folder.name:
            (copy.parent / artifact.ARRAYS).write_bytes(b"rotten")
    shutil.rmtree(registry._policies / folder.name, ignore_errors=True)
    with pytest.raises(ArtifactRefused, match="sha256"):
        registry.fetch(folder.name)
    assert not (registry._policies / folder.name).exists()
