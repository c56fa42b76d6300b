"""Exports the decision log of a home to a file, ordered by time."""

import csv
from collections.abc import Iterator
from pathlib import Path

from data_contracts.decisions import Origin, unpack
from data_contracts.identifiers import PolicyDigest
from data_contracts.rewards import REWARD_TABLE_VERSION, silence_reward
from infra.database.all_tables import DecisionRow
from infra.database.decisions import decisions
from infra.database.engine.database import Database
from models.logs.decision_log import LoggedDecision, write
from models.logs.open_bandit import ITEM_COLUMNS, log_columns, logged_row

PAGE = 1_000
FOREVER_US = 1 << 62


def export(database: Database, path: Path, *, origin: Origin = Origin.LIVE, since_us: int = 0) -> int:
    """Write the log as Parquet, unseen tips included, and return how many rows it has."""
    return write(path, settled(database, origin=origin, since_us=since_us, unsettled=True))


def export_open_bandit(database: Database, folder: Path, *, origin: Origin = Origin.LIVE, since_us: int = 0) -> int:
    """Write the log in the layout of the Open Bandit Dataset and return how many rows it has."""
    folder.mkdir(parents=True, exist_ok=True)
    items: dict[str, int] = {}
    count = 0
    with (folder / "all.csv").open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(log_columns())
        for row in settled(database, origin=origin, since_us=since_us):
            item = items.setdefault(row.decision.chosen_ref.template, len(items))
            out.writerow(logged_row(count, row, item))
            count += 1
    with (folder / "item_context.csv").open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(ITEM_COLUMNS)
        out.writerows((number, number, template) for template, number in items.items())
    return count


def settled(
    database: Database,
    *,
    origin: Origin,
    since_us: int = 0,
    digest: PolicyDigest | None = None,
    unsettled: bool = False,
) -> Iterator[LoggedDecision]:
    """Yield rewarded tips and silences in the order of their ids; a silence brings its documented reward.

    With `unsettled` also tips that have no reward, because they are unseen or not answered yet. A decision is of
    the origin that its record says; a row that was labelled otherwise is left out.
    """
    people: dict[str, int] = {}
    after_id = ""
    while True:
        with database.read() as session:
            page = decisions.settled_between(
                session,
                since_us=since_us,
                until_us=FOREVER_US,
                origin=origin,
                digest=digest,
                after_id=after_id,
                unsettled=unsettled,
                limit=PAGE,
            )
            for row in page:
                logged = _logged(row, people.setdefault(row.person, len(people)))
                if logged.decision.origin is origin:
                    yield logged
        if len(page) < PAGE:
            return
        after_id = page[-1].id


def _logged(row: DecisionRow, person: int) -> LoggedDecision:
    decision = unpack(row.record)
    if row.silent:
        reward, rewarded_us = silence_reward(decision.spent, decision.silence_price), decision.at_us
        return LoggedDecision(decision, person, reward, rewarded_us)
    return LoggedDecision(decision, person, row.reward, row.rewarded_us, row.reward_version or REWARD_TABLE_VERSION)
