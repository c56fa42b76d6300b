import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_contracts.errors import ArtifactRefused
from models.policies import ArtifactPolicy, artifact


def rewrite(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest on disk, and sign it again as who holds the key could."""
    manifest = json.loads((folder / artifact.MANIFEST).read_text())
    change(manifest)
    manifest["signature"] = artifact.digest_of(manifest)
    (folder / artifact.MANIFEST).write_text(json.dumps(manifest))


def trusts(digest: str, signature: str) -> bool:
    """Trust a digest that is signed by itself; `infra.signing` is tested on its own."""
    return digest == signature


def replace_arrays(folder: Path, arrays: dict[str, Any], *, allow_pickle: bool = False) -> None:
    """Write other arrays, with the right sha256, as an attacker or a bad build would."""
    with (folder / artifact.ARRAYS).open("wb") as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=allow_pickle)
    sha256 = hashlib.sha256((folder / artifact.ARRAYS).read_bytes()).hexdigest()
    rewrite(folder, lambda manifest: manifest.update(arrays_sha256=sha256))


def test_a_saved_policy_loads_under_its_own_digest(saved: Path, small: ArtifactPolicy) -> None:
    """A saved policy loads under its own digest."""
    loaded = artifact.load(saved, verify=trusts, digest=saved.name)
    assert loaded.policy.digest == saved.name
    assert loaded.manifest["origins"] == {"simulated": 2}
    for name, array in small.arrays.items():
        assert (loaded.policy.arrays[name] == array).all()


def test_saving_twice_gives_the_same_bytes(saved: Path, small: ArtifactPolicy, tmp_path: Path) -> None:
    """Saving twice gives the same bytes."""
    other = artifact.save(
        small, tmp_path / "other", sign=str, data_digest="d" * 64, origins={"simulated": 2}, metrics={"rmse": 0.3}
    )
    assert other.name == saved.name
    for name in (artifact.MANIFEST, artifact.ARRAYS):
        assert (other / name).read_bytes() == (saved / name).read_bytes()


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("schema", 2, "schema"),
        ("policy", "os.system", "not one of the policies"),
        ("feature_service_version", 99, "feature_service_version"),
        ("feature_table_digest", "0", "feature_table_digest"),
        ("design_digest", "0", "design_digest"),
        ("arrays_sha256", "0", "sha256"),
        ("golden", [], "golden"),
        ("golden", [3], "cannot be computed"),
        ("policy", [], "not one of the policies"),
        ("origins", 3, "are tables"),
        ("code", "import os", "exactly the keys"),
    ],
)
def test_a_manifest_that_breaks_a_rule_is_refused_by_name(saved: Path, key: str, value: object, rule: str) -> None:
    """A manifest that breaks a rule is refused by name."""
    rewrite(saved, lambda manifest: manifest.update({key: value}))
    with pytest.raises(ArtifactRefused, match=rule):
        artifact.load(saved, verify=trusts)


def test_a_changed_manifest_no_longer_has_the_digest(saved: Path) -> None:
    """A changed manifest no longer has the digest."""
    rewrite(saved, lambda manifest: manifest["metrics"].update(rmse=0.1))
    with pytest.raises(ArtifactRefused, match="digest"):
        artifact.load(saved, verify=trusts, digest=saved.name)


def test_a_signature_does_not_change_the_digest(saved: Path) -> None:
    """Another key signs the same digest, and without the right one nothing is loaded; signing again mends it."""
    text = (saved / artifact.MANIFEST).read_text()
    assert text.count(saved.name) == 1
    for signature, rule in ((f'"{"0" * 64}"', "not one of this home's key"), ("null", "is not signed")):
        (saved / artifact.MANIFEST).write_text(text.replace(f'"{saved.name}"', signature))
        with pytest.raises(ArtifactRefused, match=rule):
            artifact.load(saved, verify=trusts, digest=saved.name)
    assert artifact.sign_again(saved, saved.name, sign=str).policy.digest == saved.name
    assert artifact.load(saved, verify=trusts).policy.digest == saved.name


def test_a_flipped_bit_of_the_arrays_is_refused(saved: Path) -> None:
    """A flipped bit of the arrays is refused."""
    content = bytearray((saved / artifact.ARRAYS).read_bytes())
    content[5_000] ^= 1
    (saved / artifact.ARRAYS).write_bytes(content)
    with pytest.raises(ArtifactRefused, match="sha256"):
        artifact.load(saved, verify=trusts)


def test_arrays_of_other_numbers_fail_the_golden_vectors(saved: Path, small: ArtifactPolicy) -> None:
    """Arrays of other numbers fail the golden vectors."""
    replace_arrays(saved, {**small.arrays, "mean": small.arrays["mean"][::-1]})
    with pytest.raises(ArtifactRefused, match="golden vector's mu"):
        artifact.load(saved, verify=trusts)


def test_numbers_that_are_not_finite_are_refused(saved: Path, small: ArtifactPolicy) -> None:
    """Numbers that are not finite are refused."""
    replace_arrays(saved, {**small.arrays, "mean": np.full_like(small.arrays["mean"], np.nan)})
    with pytest.raises(ArtifactRefused, match="finite"):
        artifact.load(saved, verify=trusts)


def test_arrays_of_another_shape_or_name_are_refused(saved: Path, small: ArtifactPolicy) -> None:
    """Arrays of another shape or name are refused."""
    replace_arrays(saved, {**small.arrays, "mean": np.zeros(3)})
    with pytest.raises(ArtifactRefused, match="shape"):
        artifact.load(saved, verify=trusts)
    replace_arrays(saved, {**small.arrays, "more": np.zeros(3)})
    with pytest.raises(ArtifactRefused, match="unknown arrays"):
        artifact.load(saved, verify=trusts)


def test_a_pickled_array_is_refused_unread(saved: Path, small: ArtifactPolicy) -> None:
    """A pickled array is refused unread."""
    replace_arrays(saved, {**small.arrays, "mean": np.array([print], dtype=object)}, allow_pickle=True)
    with pytest.raises(ArtifactRefused, match="cannot be read"):
        artifact.load(saved, verify=trusts)


def test_a_member_that_is_a_path_is_refused(saved: Path, small: ArtifactPolicy) -> None:
    """A member that is a path is refused."""
    replace_arrays(saved, {"../../escaped": small.arrays["mean"]})
    with pytest.raises(ArtifactRefused, match="not the name of one array"):
        artifact.load(saved, verify=trusts)


def test_a_link_is_refused(saved: Path, tmp_path: Path) -> None:
    """A link is refused."""
    moved = tmp_path / "elsewhere"
    (saved / artifact.ARRAYS).rename(moved)
    (saved / artifact.ARRAYS).symlink_to(moved)
    with pytest.raises(ArtifactRefused, match="not a plain file"):
        artifact.load(saved, verify=trusts)


def test_a_missing_file_and_a_manifest_that_is_no_json_are_refused(saved: Path) -> None:
    """A missing file and a manifest that is no json are refused."""
    (saved / artifact.MANIFEST).write_text("{")
    with pytest.raises(ArtifactRefused, match="not JSON"):
        artifact.load(saved, verify=trusts)
    (saved / artifact.MANIFEST).unlink()
    with pytest.raises(ArtifactRefused, match="missing"):
        artifact.load(saved, verify=trusts)


@pytest.mark.parametrize("digest", ["", "../champion", "A" * 64, "a" * 63, "/" + "a" * 63])
def test_only_a_sha256_names_a_folder(digest: str, tmp_path: Path) -> None:
    """Only a sha256 names a folder."""
    with pytest.raises(ArtifactRefused, match="not a sha256 digest"):
        artifact.folder_of(tmp_path, digest)
