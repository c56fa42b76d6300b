"""Makes a person's pool on demand and ahead of time, and stores it sealed in the online store."""

from collections.abc import Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from data_contracts.errors import Malformed
from data_contracts.identifiers import PersonId
from data_contracts.served import ServedRow
from feature_repo.online import OnlinePacket, OnlineTables
from infra.vault import Vault
from serving.candidates.candidates import CandidateSource, basis_of, build_pool
from serving.candidates.catalogue import Catalogue
from serving.candidates.eligibility import PreparedPool, prepare
from serving.candidates.pool_codec import PoolCache, seal_pool
from serving.candidates.subjects import Surroundings
from serving.candidates.titles import TitleReader
from serving.recommend.fallback import Fallback


class Made(NamedTuple):
    """A pool that holds now, and what was degraded in making it."""

    pool: PreparedPool
    fallback: Fallback | None = None


class PoolMaker:
    """Gives the pool that holds now: from the cache, from the store, or made at once; safe between threads."""

    def __init__(
        self,
        online: OnlineTables,
        vault: Vault,
        title_reader: TitleReader,
        sources: Sequence[CandidateSource] = (Catalogue(),),
    ) -> None:
        self._online = online
        self._vault = vault
        self._title_reader = title_reader
        self._sources = tuple(sources)
        self._cache = PoolCache(vault)

    def ready(
        self, person: PersonId, packet: OnlinePacket, consent_mask: int, zone: ZoneInfo, now_us: int
    ) -> PreparedPool | None:
        """Return the stored pool when it holds; None when one must be made."""
        prepared = self._cache.get(person, packet.pool_built_us) or self._opened(person)
        if prepared is None:
            return None
        basis = basis_of(packet.row, consent_mask, zone, now_us)
        return prepared if prepared.pool.holds(basis, now_us) else None

    def _opened(self, person: PersonId) -> PreparedPool | None:
        stored = self._online.read_pool(person)
        if stored is None:
            return None
        try:
            return self._cache.open(person, stored.box)
        except Malformed:  # of an older version, or of a key that was replaced: it is derived, so make another
            return None

    def make(self, person: PersonId, row: ServedRow, consent_mask: int, zone: ZoneInfo, now_us: int) -> Made:
        """Make the pool of this moment, keep it, and return it; raises `ErasedPerson`."""
        made = self.imagine(person, row, consent_mask, zone, now_us)
        pool = made.pool.pool
        self._online.write_pool(person, pool.built_us, seal_pool(self._vault, person, pool))
        self._cache.put(person, made.pool)
        return made

    def imagine(self, person: PersonId, row: ServedRow, consent_mask: int, zone: ZoneInfo, now_us: int) -> Made:
        """Make the pool of an instant and keep nothing."""
        titles = self._title_reader.titles(person, row, consent_mask, zone, now_us)
        pool = build_pool(self._sources, Surroundings(row, titles.by_subject, now_us, zone, consent_mask))
        return Made(prepare(pool), Fallback.NO_TITLES if titles.vanished and not titles.by_subject else None)

    def remembered(self) -> set[PersonId]:
        """Return the people of whom this process remembers a pool or a title."""
        return self._cache.remembered() | self._title_reader.remembered()

    def forget(self, person: PersonId) -> None:
        """Drop what this process remembers of a person."""
        self._cache.forget(person)
        self._title_reader.forget(person)
