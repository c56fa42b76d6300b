"""The hot read: everything that a decision needs from the application database, in one statement.

Raw DBAPI on one autocommit connection: every call sees what was committed before it, by whichever connection.
"""

from typing import Any, NamedTuple

from data_contracts.errors import Unavailable
from data_contracts.identifiers import ClusterId, DecisionId, PersonId, PolicyDigest, SubjectKey
from infra.database.decisions.person_posteriors import StoredPosterior
from infra.database.engine.database import Database
from infra.database.policies.policies import SLOT

__all__ = ["ExperimentNow", "NewestDecision", "PersonNow", "PersonNowReader"]

STATEMENT = """
SELECT p.zone, p.role, p.quiet_start_min, p.quiet_end_min, p.budget, p.silence_price,
    p.consent_mask, p.consent_epoch, p.session_epoch, p.erasing,
    h.sequence, h.as_of_us, c.digest, c.revision,
    (SELECT {texts}(CAST(b.until_us AS TEXT) || ' ' || b.cluster, '|') FROM cluster_blocks b
        WHERE b.person = p.person AND b.until_us > {now}),
    (SELECT {texts}(CAST(i.at_us AS TEXT), ' ') FROM decisions i
        WHERE i.person = p.person AND i.at_us >= {since} AND i.trigger = 'unsolicited' AND NOT i.silent),
    a.version, a.latest_us, a.latest_id, a.payload,
    d.id, d.at_us, d.trigger, d.silent, d.cluster, d.subject, d.policy_digest, d.expires_us,
    d.shown_us, d.closed_us, d.closed_by, d.text_box,
    x.id, x.challenger, x.share, t.version, t.latest_us, t.latest_id, t.payload
FROM people p
LEFT JOIN fold_heads h ON h.person = p.person
LEFT JOIN person_parts a ON a.person = p.person AND a.policy_digest = {digest}
LEFT JOIN champion_slot c ON c.slot = {slot}
LEFT JOIN experiments x ON x.slot = {slot} AND x.ended_us IS NULL AND x.champion = c.digest
    AND x.began_us <= {now} AND x.ends_us > {now}
LEFT JOIN person_parts t ON t.person = p.person AND t.policy_digest = x.challenger
LEFT JOIN decisions d ON d.id = (
    SELECT n.id FROM decisions n WHERE n.person = p.person ORDER BY n.at_us DESC, n.id DESC LIMIT 1)
WHERE p.person = {person}
"""
SQLITE = STATEMENT.format(texts="group_concat", person="?1", digest="?2", slot="?3", now="?4", since="?5")
POSTGRESQL = STATEMENT.format(
    texts="string_agg", person="%(person)s", digest="%(digest)s", slot="%(slot)s", now="%(now)s", since="%(since)s"
)
PART, DECISION, TRIAL, TRIAL_PART = 16, 20, 32, 35  # where the columns of these begin


class NewestDecision(NamedTuple):
    """The person's last decision, whatever became of it; `text_box` is sealed."""

    id: DecisionId
    at_us: int
    trigger: str
    silent: bool
    cluster: ClusterId | None
    subject: SubjectKey | None
    policy_digest: PolicyDigest
    expires_us: int
    shown_us: int | None
    closed_us: int | None
    closed_by: str | None
    text_box: bytes | None


class ExperimentNow(NamedTuple):
    """The experiment that runs, and the person's posterior of its challenger."""

    id: str
    challenger: PolicyDigest
    share: float
    part: StoredPosterior | None


class PersonNow(NamedTuple):
    """A person at one instant, as the application database knows them."""

    person: PersonId
    zone: str
    role: str
    quiet_start_min: int
    quiet_end_min: int
    budget: int
    silence_price: float
    consent_mask: int
    consent_epoch: int
    session_epoch: int
    erasing: bool
    sequence: int  # the last event that the fold has read; 0 when none
    as_of_us: int
    champion: PolicyDigest | None
    champion_revision: int
    blocks: tuple[tuple[ClusterId, int], ...]  # (cluster, until_us) of those that stand
    interruptions_us: tuple[int, ...]  # when unsolicited tips were given since the asked instant
    part: StoredPosterior | None
    newest: NewestDecision | None
    trial: ExperimentNow | None

    def spent(self, since_us: int) -> int:
        """Return how many interruptions were spent since then, for example since the local midnight."""
        return sum(at_us >= since_us for at_us in self.interruptions_us)


class PersonNowReader:
    """Reads `PersonNow` on a connection of its own.

    One reader serves one thread at a time: the event loop's thread, or any other that does not share it. (The
    connection is opened with `check_same_thread=False`, so the thread that closes it may be another one.)
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sqlite = database.dialect == "sqlite"
        self._connection: Any = None

    def read(
        self, person: PersonId, *, policy_digest: PolicyDigest | str, now_us: int, spent_since_us: int
    ) -> PersonNow | None:
        """Return the person at `now_us` with their posterior, or None for an unknown person."""
        self._database.liveness.require_answer()
        connection = self._connection or self._connect()
        if self._sqlite:
            cursor = connection.execute(SQLITE, (person, policy_digest, SLOT, now_us, spent_since_us))
            rows = cursor.fetchall()  # to the end, or the snapshot would stay open
        else:
            rows = self._ask_server(person, policy_digest, now_us, spent_since_us)
        return _person_now(person, rows[0]) if rows else None

    def close(self) -> None:
        """Close the connection; a later read opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> Any:
        self._connection = self._database.connect_raw()
        return self._connection

    def _ask_server(self, person: str, digest: str, now_us: int, since_us: int) -> list[Any]:
        """Ask PostgreSQL, once more on a new connection when the old one was lost.

        Raises `Unavailable` when it does not answer, and from then on at once, until it answers a ping.
        """
        import psycopg  # noqa: PLC0415 - not paid by the embedded stage

        from infra.database.engine.bounded_connection import NoAnswer  # noqa: PLC0415 - as above

        values = {"person": person, "digest": digest, "slot": SLOT, "now": now_us, "since": since_us}
        try:
            try:
                return list(self._connection.execute(POSTGRESQL, values).fetchall())
            except psycopg.OperationalError as error:
                if isinstance(error, NoAnswer) or not self._connection.closed:
                    raise
                self.close()
                return list(self._connect().execute(POSTGRESQL, values).fetchall())
        except NoAnswer as error:
            self.close()
            self._database.liveness.silent()
            raise Unavailable("the database does not answer") from error
        except psycopg.OperationalError as error:
            raise Unavailable(f"the database is busy or down ({type(error).__name__})") from error


def _person_now(person: PersonId, row: Any) -> PersonNow:
    blocks, interruptions, decision, trial = row[14], row[15], row[DECISION:TRIAL], row[TRIAL:TRIAL_PART]
    return PersonNow._make(
        (
            person,
            *row[:9],
            bool(row[9]),
            row[10] or 0,
            row[11] or 0,
            row[12],
            row[13] or 0,
            _blocks(blocks) if blocks else (),
            tuple(map(int, interruptions.split())) if interruptions else (),
            _part(row[PART:DECISION]),
            NewestDecision._make((*decision[:3], bool(decision[3]), *decision[4:]))
            if decision[0] is not None
            else None,
            ExperimentNow(trial[0], trial[1], trial[2], _part(row[TRIAL_PART:])) if trial[0] is not None else None,
        )
    )


def _part(columns: Any) -> StoredPosterior | None:
    return StoredPosterior._make(columns) if columns[0] is not None else None


def _blocks(text: str) -> tuple[tuple[ClusterId, int], ...]:
    pairs = (entry.split(" ", 1) for entry in text.split("|"))
    return tuple(sorted((ClusterId(cluster), int(until_us)) for until_us, cluster in pairs))
