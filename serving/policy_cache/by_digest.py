"""Policies by digest, verified on first use: for receipts, replay and shadow runs.

A fallback policy has no artifact; each of its versions is found by its own digest.
"""

from pathlib import Path
from threading import Lock

from cachetools import LRUCache

from data_contracts.errors import ArtifactRefused
from data_contracts.identifiers import PolicyDigest
from models.policies import artifact
from models.policies.fallback import FALLBACKS
from models.policies.policy import Policy

KEPT = 8


class PolicyCache:
    """The last few policies that were looked at; safe between threads."""

    def __init__(self, folder: Path, verify: artifact.Verify) -> None:
        self._folder = folder
        self._verify = verify
        self._kept: LRUCache[PolicyDigest, Policy] = LRUCache(KEPT)
        self._lock = Lock()

    def get(self, digest: PolicyDigest) -> Policy:
        """Return the policy of a digest; raises `ArtifactRefused` when its artifact is gone or does not verify."""
        if digest in FALLBACKS:
            return FALLBACKS[digest]
        with self._lock:
            found = self._kept.get(digest)
            if found is None:
                folder = artifact.folder_of(self._folder, digest)
                found = artifact.load(folder, verify=self._verify, digest=digest).policy
                self._kept[digest] = found
            return found

    def find(self, digest: PolicyDigest) -> Policy | None:
        """Return the policy of a digest, or None when its artifact cannot be had any more."""
        try:
            return self.get(digest)
        except ArtifactRefused:
            return None
