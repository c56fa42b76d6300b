"""The decision log as data: one Parquet file, one row a decision, a documented schema, read out of core.

Rows stand in the order of decision ids, so in time. People are numbered by first appearance: no pseudonym leaves the
house, and rows of one person can still be kept together. Texts, titles and subjects are not in it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types
from numpy.typing import NDArray

from data_contracts.decisions import Decision, Origin
from data_contracts.errors import Malformed
from data_contracts.features import FEATURE_SERVICE_VERSION, FEATURES
from data_contracts.rewards import REWARD_TABLE_VERSION
from models.logs.arrays import MIN_PROPENSITY
from models.rewards.action_features import ACTION_COLUMNS

Floats = NDArray[np.float64]

LOG_VERSION = 2
CHUNK = 2_048
SUM_TOLERANCE = 1e-6
MAX_VALUE = 1e12  # of a feature in its unit; squares of more would no longer add up
REAL = pa.float64()


class Column(NamedTuple):
    """One column of the log: its type, its unit, and what it says."""

    name: str
    type: pa.DataType
    unit: str
    meaning: str


COLUMNS: tuple[Column, ...] = (
    Column("log_version", pa.int16(), "version", "of this schema"),
    Column("feature_service_version", pa.int16(), "version", "of the context vector; one per file"),
    Column("reward_version", pa.int16(), "version", "of the reward table; one per file"),
    Column("decision", pa.string(), "UUIDv7", "the decision's id"),
    Column("person", pa.int32(), "number", "of the person, by first appearance in the file"),
    Column("at_us", pa.int64(), "us since 1970 UTC", "when it was decided"),
    Column("rewarded_us", pa.int64(), "us since 1970 UTC", "when the reward became known; null for none"),
    Column("trigger", pa.string(), "open | unsolicited", "who began"),
    Column("origin", pa.string(), "live | simulated", "simulated rows are never evidence"),
    Column("policy", pa.string(), "name", "who decided"),
    Column("policy_digest", pa.string(), "sha256 hex", "which one exactly"),
    Column("arm", pa.string(), "experiment/arm", "to which that day belonged; empty without an experiment"),
    Column("posterior_version", pa.int32(), "count", "reward changes of the person that it knew"),
    Column("spent", pa.int16(), "interruptions", "already spent that day"),
    Column("silence_price", REAL, "reward", "of silence before anything was spent"),
    Column("silent", pa.bool_(), "", "whether silence was chosen"),
    Column("template", pa.string(), "id", "of the chosen tip, or silence"),
    Column("cluster", pa.string(), "id", "tips of one meaning"),
    Column("chosen", pa.int16(), "index", "of the chosen action; silence is the last"),
    Column("propensity", REAL, f"[{MIN_PROPENSITY:g}, 1]", "probability of the chosen action"),
    Column("reward", REAL, "[0, 1]", "null where it never became known: the tip was not seen"),
    Column("vector", pa.list_(REAL), f"{len(FEATURES)} features", "context in the units of the feature table"),
    Column("masked", pa.list_(pa.bool_()), f"{len(FEATURES)} features", "withheld or stale"),
    Column("actions", pa.list_(REAL), f"n x {len(ACTION_COLUMNS)}, row by row", "action features, silence last"),
    Column("mu", pa.list_(REAL), "n, reward", "expected rewards by the deciding policy"),
    Column("sigma", pa.list_(REAL), "n, reward", "their standard deviations"),
    Column("probabilities", pa.list_(REAL), "n, [0, 1]", "the whole distribution"),
)
SCHEMA = pa.schema([pa.field(column.name, column.type) for column in COLUMNS])


@dataclass(frozen=True, slots=True, eq=False)
class LoggedDecision:
    """One row to be: a decision, its reward when known, and the person's number."""

    decision: Decision
    person: int
    reward: float | None
    rewarded_us: int | None
    reward_version: int = REWARD_TABLE_VERSION


def write(path: Path, rows: Iterable[LoggedDecision]) -> int:
    """Write a log and return how many rows it has; the file appears when it is complete."""
    partial = path.with_suffix(".partial")
    count = 0
    with pq.ParquetWriter(partial, SCHEMA, compression="zstd") as writer:
        page: list[dict[str, Any]] = []
        for row in rows:
            page.append(_values(row))
            count += 1
            if len(page) == CHUNK:
                writer.write_table(pa.Table.from_pylist(page, SCHEMA))
                page = []
        if page or not count:
            writer.write_table(pa.Table.from_pylist(page, SCHEMA))
    partial.replace(path)
    return count


def _values(row: LoggedDecision) -> dict[str, Any]:
    decision = row.decision
    reference = decision.chosen_ref
    return {
        "log_version": LOG_VERSION,
        "feature_service_version": decision.feature_service_version,
        "reward_version": row.reward_version,
        "decision": decision.id,
        "person": row.person,
        "at_us": decision.at_us,
        "rewarded_us": row.rewarded_us,
        "trigger": decision.trigger.value,
        "origin": decision.origin.value,
        "policy": decision.policy,
        "policy_digest": decision.policy_digest,
        "arm": decision.arm or "",
        "posterior_version": decision.posterior_version,
        "spent": decision.spent,
        "silence_price": decision.silence_price,
        "silent": decision.silent,
        "template": reference.template,
        "cluster": reference.cluster,
        "chosen": decision.chosen,
        "propensity": float(decision.probabilities[decision.chosen]),
        "reward": row.reward,
        "vector": decision.vector,
        "masked": decision.masked,
        "actions": decision.actions.ravel(),
        "mu": decision.mu,
        "sigma": decision.sigma,
        "probabilities": decision.probabilities,
    }


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """Some rows of a log, checked: plain columns by name, lists flat, the actions' offsets."""

    start: int
    columns: dict[str, NDArray[Any]]
    offsets: NDArray[np.intp]  # (N + 1,) into mu, sigma, probabilities

    @property
    def count(self) -> int:
        """How many rows."""
        return self.offsets.size - 1


def pages(path: Path) -> Iterator[Page]:
    """Yield a log's rows in order; raises `Malformed` naming the file, the row and the rule that it breaks."""
    versions: tuple[int, int] | None = None
    start = 0
    with _opened(path) as file:
        for batch in file.iter_batches(CHUNK):
            if not batch.num_rows:
                continue
            checker = _Checker(path.name, start, batch)
            versions = checker.one_version(versions)
            yield checker.page()
            start += batch.num_rows


def _opened(path: Path) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise Malformed(f"{path.name} is not a Parquet file: {type(error).__name__}") from error
    found = {field.name: field.type for field in file.schema_arrow}
    wanted = {column.name: column.type for column in COLUMNS}
    foreign, missing = sorted(found.keys() - wanted.keys()), sorted(wanted.keys() - found.keys())
    if foreign or missing:
        raise Malformed(f"{path.name} has foreign columns {foreign} and lacks {missing}: it is no decision log")
    for name, kind in wanted.items():
        if not _alike(found[name], kind):
            raise Malformed(f"{path.name} column {name} is {found[name]}, not {kind}")
    return file


def _alike(found: pa.DataType, wanted: pa.DataType) -> bool:
    if pa.types.is_list(wanted):
        listed = pa.types.is_list(found) or pa.types.is_large_list(found)
        return bool(listed and found.value_type == wanted.value_type)
    return bool(found == wanted or (wanted == pa.string() and pa.types.is_large_string(found)))


class _Checker:
    """The rules of a row, over one batch."""

    def __init__(self, name: str, start: int, batch: pa.RecordBatch) -> None:
        self._name, self._start, self._batch = name, start, batch
        self._known = {column.name: np.asarray(batch.column(column.name).is_valid()) for column in COLUMNS}

    def one_version(self, before: tuple[int, int] | None) -> tuple[int, int]:
        """Return the file's versions of features and rewards; raises `Malformed` for a second one."""
        log = self._plain("log_version")
        self._demand(log == LOG_VERSION, f"log_version is {LOG_VERSION}")
        features, rewards = self._plain("feature_service_version"), self._plain("reward_version")
        first = before or (int(features[0]), int(rewards[0]))
        self._demand((features == first[0]) & (rewards == first[1]), "one file has one version of features and rewards")
        self._demand(features == FEATURE_SERVICE_VERSION, f"feature_service_version is {FEATURE_SERVICE_VERSION}")
        return first

    def page(self) -> Page:
        """Return the rows as arrays."""
        lists = {column.name: self._list(column.name) for column in COLUMNS if pa.types.is_list(column.type)}
        columns = {column.name: self._plain(column.name) for column in COLUMNS if column.name not in lists}
        probabilities, offsets = lists["probabilities"]
        counts = np.diff(offsets)
        for name, each in (("vector", len(FEATURES)), ("masked", len(FEATURES))):
            self._demand(np.diff(lists[name][1]) == each, f"{name} has {each} values")
        for name, each in (("mu", 1), ("sigma", 1), ("actions", len(ACTION_COLUMNS))):
            self._demand(np.diff(lists[name][1]) == each * counts, f"{name} has {each} values an action")
        self._demand((columns["chosen"] >= 0) & (columns["chosen"] < counts), "chosen is one of the actions")
        fit = (columns["propensity"] >= MIN_PROPENSITY) & (columns["propensity"] <= 1.0)
        self._demand(fit, f"propensity is in [{MIN_PROPENSITY:g}, 1]")
        reward, known = columns["reward"], self._known["reward"]
        self._demand(~known | ((reward >= 0.0) & (reward <= 1.0)), "reward is in [0, 1] or null")
        self._demand(np.isin(columns["origin"], [each.value for each in Origin]), "origin is live or simulated")
        shares = (probabilities >= 0.0) & (probabilities <= 1.0)
        self._demand(np.logical_and.reduceat(shares, offsets[:-1]), "each probability is in [0, 1]")
        sums = np.add.reduceat(probabilities, offsets[:-1])
        self._demand(np.abs(sums - 1.0) <= SUM_TOLERANCE, "probabilities sum to 1")
        self._demand(
            probabilities[offsets[:-1] + columns["chosen"]] == columns["propensity"],
            "propensity is the probability of the chosen action",
        )
        vector, masked = (lists[name][0].reshape(-1, len(FEATURES)) for name in ("vector", "masked"))
        sized = (np.abs(vector) <= MAX_VALUE) | masked
        self._demand(sized.all(axis=1), f"vector is at most {MAX_VALUE:g} where it is not masked")
        actions = lists["actions"][0].reshape(-1, len(ACTION_COLUMNS))
        sized = (np.abs(actions) <= MAX_VALUE).all(axis=1)
        self._demand(np.logical_and.reduceat(sized, offsets[:-1]), f"actions are at most {MAX_VALUE:g}")
        flat = {"mu": lists["mu"][0], "sigma": lists["sigma"][0], "probabilities": probabilities}
        columns |= {"vector": vector, "masked": masked, "actions": actions, "rewarded": known, **flat}
        return Page(self._start, columns, offsets)

    def _plain(self, name: str) -> NDArray[Any]:
        if name not in ("reward", "rewarded_us"):
            self._demand(self._known[name], f"{name} is not null")
        column = self._batch.column(name)
        if name == "rewarded_us":
            column = column.fill_null(-1)
        found: NDArray[Any] = column.to_numpy(zero_copy_only=False)
        return found

    def _list(self, name: str) -> tuple[NDArray[Any], NDArray[np.intp]]:
        self._demand(self._known[name], f"{name} is not null")
        column = self._batch.column(name)
        offsets = np.asarray(column.offsets, np.intp)
        self._demand(np.diff(offsets) > 0, f"{name} is not empty")
        cells = column.values.slice(offsets[0], offsets[-1] - offsets[0])
        empty = np.add.reduceat(cells.is_null().to_numpy(zero_copy_only=False), offsets[:-1] - offsets[0])
        self._demand(empty == 0, f"{name} has no null in it")
        values = np.asarray(cells.to_numpy(zero_copy_only=False))
        return values, offsets - offsets[0]

    def _demand(self, sound: NDArray[np.bool_], rule: str) -> None:
        if not sound.all():
            row = self._start + int(np.flatnonzero(~sound)[0])
            raise Malformed(f"{self._name} row {row} breaks the rule: {rule}")


def described() -> str:
    """Return the schema as a Markdown table: what docs/learning.md prints."""
    lines = ["| column | type | unit | meaning |", "|---|---|---|---|"]
    for column in COLUMNS:
        kind = f"list<{column.type.value_type}>" if pa.types.is_list(column.type) else str(column.type)
        unit = column.unit.replace("|", "or")
        lines.append(f"| `{column.name}` | {kind} | {unit} | {column.meaning} |")
    return "\n".join(lines)
