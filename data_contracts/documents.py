"""Writes the pages that are generated from the contract tables: `python -m data_contracts.documents [FOLDER]`.

The pages are committed; a test makes them again and compares.
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from data_contracts.durations import DAY_S, HOUR_S
from data_contracts.features import FEATURE_SERVICE, FEATURE_SERVICE_VERSION, FEATURES, SOURCES, Source
from data_contracts.retention import COLUMNS, FILES, TABLES, Retention
from data_contracts.rewards import (
    CLUSTER_BLOCK_S,
    DEFERRAL_S,
    LATE_WINDOW_S,
    REWARD_TABLE_VERSION,
    REWARDS,
    SILENCE_PRICE,
    SILENCE_SHARE,
    UNDO_WINDOW_S,
    WAIT_WINDOW_S,
    silence_reward,
)
from data_contracts.signals.kinds import API_RULES, FUTURE_S, PAST_DAYS, RULES, SIGNALS, VERSION, Field, SignalContract

MADE = "<!-- made by python -m data_contracts.documents; edit the table, not this page -->"


def _table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    heads = tuple(heads)
    lines = [heads, ("---",) * len(heads), *(tuple(str(cell) for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _span(seconds: int) -> str:
    for size, unit in ((DAY_S, "days"), (HOUR_S, "hours"), (60, "minutes")):
        if seconds % size == 0 and seconds >= size:
            return f"{seconds // size} {unit.removesuffix('s') if seconds == size else unit}"
    return f"{seconds} seconds"


def _page(title: str, *parts: str) -> str:
    return "\n\n".join((f"# {title}", MADE, *parts)) + "\n"


def _form(field: Field) -> str:
    match field.type:
        case "native_id" | "label" | "title":
            return f"text of {field.low} to {field.high} characters"
        case "choice":
            return ", ".join(f"`{choice}`" for choice in field.choices)
        case "whole":
            return f"whole number, {field.low} to {field.high} ({field.unit})"
        case "flag":
            return "true or false"
        case "time":
            return "ISO 8601 time with offset"


def _unless_given(field: Field) -> str:
    if field.required:
        return "required"
    if field.default is None:
        return "unknown"
    return str(field.default).lower()


def _fields(contract: SignalContract) -> str:
    if not contract.fields:
        return "Its `data` is `{}`."
    rows = [
        (f"`{f.name}`", _form(f), _unless_given(f), f.why + (f" ({f.unit})" if f.unit else "")) for f in contract.fields
    ]
    return _table(("field", "form", "when absent", "meaning"), rows)


def signals_page() -> str:
    """Return the page of the signals and the rules that refuse them."""
    kinds = [
        f"## {kind}\n\n{contract.says} Needs the consent `{contract.source}`.\n\n{_fields(contract)}"
        for kind, contract in SIGNALS.items()
    ]
    return _page(
        "Signals",
        "A signal is `{id, kind, at, source, data}`, pushed to `POST /api/signals` as `{signals: [...]}` or read from a"
        " JSONL file, one a line. `id` makes it idempotent: the same id of the same person counts once."
        f" `at` is when it happened: never more than {FUTURE_S // 60} minutes ahead of now, never older than"
        f" {PAST_DAYS // 365} years. An optional field may be null. `version` says for which version of this"
        f" contract the signal was written; without it, {VERSION}. How to push: [Pushing signals](pushing.md).",
        "A time is ISO 8601 with an offset (`2026-11-03T09:00:00+01:00`), with a zone in brackets"
        " (`2026-11-03T09:00[Europe/Vienna]`), or with both.",
        *kinds,
        "## Rules",
        "A signal that breaks a rule is quarantined under the rule's name; the others of its push are processed.",
        _table(("rule", "what it says"), [(f"`{rule}`", text) for rule, text in RULES.items()]),
        "Only the API checks these. Nothing of a signal that breaks one is stored.",
        _table(("rule", "what it says"), [(f"`{rule}`", text) for rule, text in API_RULES.items()]),
    )


def features_page() -> str:
    """Return the page of the feature table."""
    sources = [
        (source, contract.purpose, _span(contract.fresh_s), _span(contract.ttl_s))
        for source, contract in SOURCES.items()
    ]
    features = [
        (index, f"`{f.name}`", f.source, f.unit, f"{f.low:g}", f"{f.high:g}", f.scale, f.why)
        for index, f in enumerate(FEATURES)
    ]
    return _page(
        "Features",
        f"The feature service `{FEATURE_SERVICE}`, version {FEATURE_SERVICE_VERSION}: {len(FEATURES)} numbers, in this"
        " order, each a float64 within its range. A feature is masked when its source has no consent, no fact, or none"
        " that is fresh.",
        "## Sources",
        _table(("source", "what for", "fresh for", "kept online for"), sources),
        f"Every source but `{Source.CLOCK}` needs the person's consent.",
        "## The table",
        _table(("position", "name", "source", "unit", "low", "high", "scale", "why"), features),
    )


def rewards_page() -> str:
    """Return the page of the reward table."""
    return _page(
        "Rewards",
        f"Version {REWARD_TABLE_VERSION}. Every reward lies in [0, 1]; a decision stores the version that rewarded it.",
        _table(("outcome", "reward"), [(f"`{outcome}`", f"{reward:g}") for outcome, reward in REWARDS.items()]),
        "## Silence",
        f"Silence counts as delivered when it is chosen. Its reward is {SILENCE_PRICE:g}. Each interruption already"
        f" spent today adds {SILENCE_SHARE:.0%} of what is missing to 1: the more oO has said, the better"
        " a tip must be.",
        _table(("spent", "reward of silence"), [(spent, f"{silence_reward(spent):g}") for spent in range(5)]),
        "## Windows",
        _table(
            ("what", "how long"),
            [
                ("a reaction can be undone", _span(UNDO_WINDOW_S)),
                ("a shown tip without a reaction then counts as `ignored`", _span(WAIT_WINDOW_S)),
                ("a late reaction still corrects that", _span(LATE_WINDOW_S)),
                ("`not_now` defers the cluster", _span(DEFERRAL_S)),
                ("`not_for_me` blocks the cluster", _span(CLUSTER_BLOCK_S)),
            ],
        ),
        "A tip that was never shown has no reward and teaches nothing.",
    )


def _store(name: str, retention: Retention) -> tuple[str, ...]:
    kept = "until erasure" if retention.ttl_days is None else f"{retention.ttl_days} days"
    since = f" after `{retention.since}`" if retention.since else ""
    return f"`{name}`", retention.sensitivity, retention.purpose, kept + since, f"`{retention.exit}`"


def retention_page() -> str:
    """Return the page of what is kept, why, how long, and how a person leaves it."""
    heads = ("store", "class", "what for", "kept", "a person leaves by")
    return _page(
        "Retention",
        "What oO keeps on your box, and how you leave it. `oo forget` takes all of these ways at once.",
        "## Tables",
        _table(
            heads,
            [_store(name, retention) for name, retention in TABLES.items()]
            + [_store(".".join(column), retention) for column, retention in COLUMNS.items()],
        ),
        "## Files",
        _table(heads, [_store(name, retention) for name, retention in FILES.items()]),
    )


PAGES: dict[str, Callable[[], str]] = {
    "signals.md": signals_page,
    "features.md": features_page,
    "rewards.md": rewards_page,
    "retention.md": retention_page,
}


def write(folder: Path) -> list[Path]:
    """Write every page into `folder` and return the paths."""
    written = []
    for name, page in PAGES.items():
        path = folder / name
        path.write_text(page(), encoding="utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    for file in write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs")):
        sys.stdout.write(f"{file}\n")
