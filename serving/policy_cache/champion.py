"""The policies of this process: the champion that the database's slot names, and the challenger of an experiment.

The slot's digest rides in every hot read, so a promotion or a rollback holds at the next request. An artifact that is
refused changes nothing: the policy that was loaded before goes on, the refusal is named, and the artifact is looked at
again after a while, because on another machine it may arrive later than the slot that names it. A challenger passes the
same verification; where it is refused, the champion decides on its share too.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from data_contracts.errors import ArtifactRefused
from data_contracts.identifiers import PolicyDigest
from models.policies import artifact
from models.policies.policy import Policy

RETRY_S = 30.0
logger = logging.getLogger(__name__)


class Held(NamedTuple):
    """The policy that decides now, if any, and the newest artifact that was refused."""

    policy: Policy | None = None
    refused: PolicyDigest | None = None
    reason: str = ""
    retry_at_s: float = 0.0  # of the monotonic clock

    @property
    def digest(self) -> PolicyDigest:
        """The digest of the loaded policy; empty without one."""
        return self.policy.digest if self.policy is not None else PolicyDigest("")


class LoadedPolicy:
    """Holds one policy and swaps it when another digest is named; safe between threads."""

    def __init__(
        self, folder: Path, *, verify: artifact.Verify, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._verify = verify
        self._monotonic = monotonic
        self._held = Held()
        self._lock = Lock()

    @property
    def held(self) -> Held:
        """What is held now, without looking."""
        return self._held

    def follow(self, digest: PolicyDigest | None) -> Held:
        """Return the policy of `digest`, loading it when it is another one than before."""
        if not digest or self._settled(digest):
            return self._held
        with self._lock:
            if self._settled(digest):
                return self._held
            try:
                folder = artifact.folder_of(self._folder, digest)
                self._held = Held(artifact.load(folder, verify=self._verify, digest=digest).policy)
            except ArtifactRefused as error:
                logger.warning("the artifact of policy %s was refused: %s", digest[:12], error)
                self._held = self._held._replace(
                    refused=digest, reason=str(error), retry_at_s=self._monotonic() + RETRY_S
                )
            return self._held

    def _settled(self, digest: PolicyDigest) -> bool:
        """Whether `digest` is loaded, or was refused a short while ago."""
        held = self._held
        return digest == held.digest or (digest == held.refused and self._monotonic() < held.retry_at_s)

    def ping(self) -> str:
        """Say which policy is held."""
        held = self._held
        now = f"{held.policy.name} {held.digest[:12]}" if held.policy else "no champion yet"
        return f"{now}; {held.refused[:12]} refused" if held.refused else now


class ChampionHolder(LoadedPolicy):
    """Holds the champion, and the challenger while an experiment runs."""

    def __init__(
        self, folder: Path, *, verify: artifact.Verify, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(folder, verify=verify, monotonic=monotonic)
        self._challenger = LoadedPolicy(folder, verify=verify, monotonic=monotonic)

    def challenger(self, digest: PolicyDigest) -> Policy | None:
        """Return the policy of an experiment's challenger; None where its artifact is refused."""
        held = self._challenger.follow(digest)
        return held.policy if held.digest == digest else None

    def ping(self) -> str:
        """Say which policies decide, and what was refused."""
        refused = self._challenger.held.refused
        return f"{super().ping()}; challenger {refused[:12]} refused" if refused else super().ping()
