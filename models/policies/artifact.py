"""The stored form of a policy: a folder with `arrays.npz` and `manifest.json`, data only, verified before use.

The digest of a policy is the sha256 of its canonical manifest (sorted keys, no spaces, without `signature`), and the
manifest holds the sha256 of the arrays: one hex string names every bit. Golden vectors say what the policy must
answer, so an artifact of another feature order, or a build that computes otherwise, is refused and not served; so is
one that answers them too slowly. `signature` stands under the digest, by the home's own key (`infra.signing`).
"""

import hashlib
import json
import time
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import ArtifactRefused
from data_contracts.features import FEATURE_SERVICE_VERSION, FEATURES
from data_contracts.identifiers import PolicyDigest
from infra.storage import files
from models.policies import STORABLE, ArtifactPolicy
from models.policies.policy import Context
from models.rewards import design
from models.rewards.action_features import ACTION_COLUMNS

Floats = NDArray[np.float64]

SCHEMA = 1
MANIFEST, ARRAYS = "manifest.json", "arrays.npz"
MAX_MANIFEST, MAX_ARRAYS = 1 << 20, 1 << 26  # bytes
GOLDEN_TOLERANCE = 1e-9
GOLDEN_COUNT, GOLDEN_CANDIDATES = 3, 4
MAX_CHOICE_S = 0.02  # the gate asks for less; this keeps out what would hold up everybody
CHOICE_ACTIONS, CHOICE_TRIES = 10, 20

Sign = Callable[[str], str]  # a digest's signature
Verify = Callable[[str, str], bool]  # whether a digest's signature is one that is trusted here
_KEYS = frozenset(
    {
        "schema", "policy", "feature_service_version", "feature_table_digest", "design_digest", "data_digest",
        "origins", "metrics", "arrays_sha256", "golden", "signature",
    }
)  # fmt: skip


class Loaded(NamedTuple):
    """A verified artifact: the policy, ready to choose, and its manifest."""

    policy: ArtifactPolicy
    manifest: dict[str, Any]


def save(
    policy: ArtifactPolicy,
    parent: Path,
    *,
    sign: Sign,
    data_digest: str,
    origins: Mapping[str, int],
    metrics: Mapping[str, float],
) -> Path:
    """Write the policy to `parent/DIGEST` and return that folder; the same policy and data give the same bytes."""
    arrays = _packed(policy.arrays)
    manifest = {
        "schema": SCHEMA,
        "policy": policy.name,
        "feature_service_version": FEATURE_SERVICE_VERSION,
        "feature_table_digest": design.FEATURE_TABLE_DIGEST,
        "design_digest": design.DESIGN_DIGEST,
        "data_digest": data_digest,
        "origins": dict(origins),
        "metrics": dict(metrics),
        "arrays_sha256": hashlib.sha256(arrays).hexdigest(),
        "golden": [_golden(policy, seed) for seed in range(GOLDEN_COUNT)],
        "signature": None,
    }
    digest = digest_of(manifest)
    manifest["signature"] = sign(digest)
    folder = parent / digest
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / ARRAYS, arrays)
    _write(folder / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True, allow_nan=False).encode())
    return folder


def digest_of(manifest: Mapping[str, Any]) -> PolicyDigest:
    """Return the sha256, hex, of the canonical manifest without its signature."""
    content = {key: value for key, value in manifest.items() if key != "signature"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return PolicyDigest(hashlib.sha256(text.encode()).hexdigest())


def folder_of(policies: Path, digest: str) -> Path:
    """Return the folder of a digest; raises `ArtifactRefused` for anything but 64 hex digits, paths included."""
    if len(digest) != hashlib.sha256().digest_size * 2 or not set(digest) <= set("0123456789abcdef"):
        raise ArtifactRefused(f"{digest!r} is not a sha256 digest")
    return policies / digest


def load(folder: Path, *, verify: Verify, digest: str | None = None) -> Loaded:
    """Return the verified policy of a folder; raises `ArtifactRefused` naming the rule that does not hold."""
    return _load(folder, digest, verify)


def _load(folder: Path, digest: str | None, verify: Verify | None) -> Loaded:
    manifest = _manifest(_read(folder / MANIFEST, MAX_MANIFEST))
    found = digest_of(manifest)
    if digest is not None and found != digest:
        raise ArtifactRefused(f"the manifest's digest is {found}, not {digest}")
    if verify is not None:
        _check_signature(found, manifest["signature"], verify)
    packed = _read(folder / ARRAYS, MAX_ARRAYS)
    if hashlib.sha256(packed).hexdigest() != manifest["arrays_sha256"]:
        raise ArtifactRefused("the arrays do not have the sha256 of the manifest")
    policy = STORABLE[manifest["policy"]].from_arrays(_unpacked(packed), found)
    for golden in manifest["golden"]:
        _check_golden(policy, golden)
    _check_speed(policy, manifest["golden"][0])
    return Loaded(policy, manifest)


def sign_again(folder: Path, digest: str, *, sign: Sign) -> Loaded:
    """Put the home's signature under an artifact that holds everything else; raises `ArtifactRefused`."""
    loaded = _load(folder, digest, None)
    manifest = {**loaded.manifest, "signature": sign(digest)}
    _write(folder / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True, allow_nan=False).encode())
    return Loaded(loaded.policy, manifest)


def _manifest(text: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(text)
    except ValueError as error:
        raise ArtifactRefused(f"the manifest is not JSON: {error}") from error
    if not isinstance(manifest, dict) or set(manifest) != _KEYS:
        raise ArtifactRefused(f"a manifest has exactly the keys {sorted(_KEYS)}")
    expected = {
        "schema": SCHEMA,
        "feature_service_version": FEATURE_SERVICE_VERSION,
        "feature_table_digest": design.FEATURE_TABLE_DIGEST,
        "design_digest": design.DESIGN_DIGEST,
    }
    for key, value in expected.items():
        if manifest[key] != value:
            raise ArtifactRefused(f"the manifest's {key} is {manifest[key]!r}, this build has {value!r}")
    if not (isinstance(manifest["origins"], dict) and isinstance(manifest["metrics"], dict)):
        raise ArtifactRefused("the manifest's origins and metrics are tables")
    if not isinstance(manifest["policy"], str) or manifest["policy"] not in STORABLE:
        raise ArtifactRefused(f"{manifest['policy']!r} is not one of the policies {sorted(STORABLE)}")
    if not isinstance(manifest["golden"], list) or not manifest["golden"]:
        raise ArtifactRefused("the manifest has no golden vectors")
    return manifest


def _read(path: Path, limit: int) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise ArtifactRefused(f"{path.name} is missing, or not a plain file")
    size = path.stat().st_size
    if size > limit:
        raise ArtifactRefused(f"{path.name} has {size} bytes, {limit} are allowed")
    return path.read_bytes()


def _write(path: Path, content: bytes) -> None:
    partial = path.with_suffix(".partial")
    partial.write_bytes(content)
    files.adopt(partial, path)


def _packed(arrays: Mapping[str, Floats]) -> bytes:
    """Return an uncompressed npz with fixed dates, so that equal arrays are equal bytes."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(arrays):
            member = BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(arrays[name], dtype="<f8"), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())
    return buffer.getvalue()


def _unpacked(packed: bytes) -> dict[str, Floats]:
    arrays: dict[str, Floats] = {}
    try:
        with zipfile.ZipFile(BytesIO(packed)) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_ARRAYS:
                raise ArtifactRefused(f"the arrays unpack to more than {MAX_ARRAYS} bytes")
            for member in archive.infolist():
                name = member.filename.removesuffix(".npy")
                if not name.isidentifier() or name in arrays:
                    raise ArtifactRefused(f"{member.filename!r} is not the name of one array")
                content = BytesIO(archive.read(member))
                arrays[name] = np.lib.format.read_array(content, allow_pickle=False, max_header_size=1_000)
    except (ValueError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ArtifactRefused(f"the arrays cannot be read: {error}") from error
    for name, array in arrays.items():
        if array.dtype != np.float64 or not np.isfinite(array).all():
            raise ArtifactRefused(f"array {name!r} must hold finite float64 numbers")
    return arrays


def _golden(policy: ArtifactPolicy, seed: int) -> dict[str, Any]:
    """Return one situation and the policy's answer; the last one has every source masked."""
    rng = np.random.default_rng(seed)
    vector = np.array([round(rng.uniform(feature.low, feature.high), 3) for feature in FEATURES])
    masked = np.full(len(FEATURES), seed == GOLDEN_COUNT - 1)
    actions = np.zeros((GOLDEN_CANDIDATES + 1, len(ACTION_COLUMNS)))
    actions[:-1] = rng.random((GOLDEN_CANDIDATES, len(ACTION_COLUMNS))).round(3)
    actions[:-1, 0] = 1.0
    inputs = {"vector": vector.tolist(), "masked": masked.tolist(), "actions": actions.tolist(), "silence": 0.45}
    return {**inputs, **{name: value.tolist() for name, value in _answer(policy, inputs).items()}}


def _answer(policy: ArtifactPolicy, inputs: Mapping[str, Any]) -> dict[str, Floats]:
    values = design.scaled_context(np.array(inputs["vector"]), np.array(inputs["masked"], dtype=np.bool_))
    choice = policy.choose(Context(values, float(inputs["silence"])), np.array(inputs["actions"]), seed=0)
    return {"mu": choice.mu, "sigma": choice.sigma, "probabilities": choice.probabilities}


def _check_signature(digest: str, signature: Any, verify: Verify) -> None:
    if not isinstance(signature, str):
        raise ArtifactRefused("the manifest is not signed; `oo sign` puts this home's signature under it")
    if not verify(digest, signature):
        raise ArtifactRefused("the manifest's signature is not one of this home's key")


def _check_golden(policy: ArtifactPolicy, golden: Any) -> None:
    try:
        answer = _answer(policy, golden)
        expected = {name: np.array(golden[name], dtype=np.float64) for name in answer}
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ArtifactRefused(f"a golden vector cannot be computed: {error}") from error
    for name, value in answer.items():
        if value.shape != expected[name].shape or not np.allclose(
            value, expected[name], rtol=0.0, atol=GOLDEN_TOLERANCE
        ):
            raise ArtifactRefused(f"a golden vector's {name} is not what this policy computes")


def _check_speed(policy: ArtifactPolicy, golden: Mapping[str, Any]) -> None:
    """Refuse a policy whose fastest choice of several, among many candidates, is too slow for the request path.

    Processor time of this thread is what counts: what else the machine does is not the artifact's fault.
    """
    actions = np.array(golden["actions"])
    inputs = {**golden, "actions": np.vstack((np.tile(actions[:-1], (CHOICE_ACTIONS, 1)), actions[-1:]))}
    fastest = float("inf")
    for _ in range(CHOICE_TRIES):
        start = time.thread_time()
        _answer(policy, inputs)
        fastest = min(fastest, time.thread_time() - start)
        if fastest <= MAX_CHOICE_S:
            return
    raise ArtifactRefused(f"a choice takes {fastest * 1e3:.1f} ms, {MAX_CHOICE_S * 1e3:.0f} ms are allowed")
