"""What a receipt says of sources that were too old when it was decided."""

from collections.abc import Mapping
from types import MappingProxyType

from data_contracts.decisions import Decision
from data_contracts.durations import DAY_S, HOUR_S, MINUTE_S
from data_contracts.features import FEATURES, SOURCES, Source

__all__ = ["age_words", "left_out"]

NAMES: Mapping[Source, str] = MappingProxyType(
    {
        Source.TASKS: "task list",
        Source.CALENDAR: "calendar",
        Source.HABITS: "habit log",
        Source.MOOD: "mood",
        Source.CONTEXT: "place and device",
        Source.TIPS: "history with tips",
    }
)


def left_out(record: Decision) -> tuple[str, ...]:
    """Return one sentence for each source that was masked for its age, in the order of the sources."""
    ages = {feature.source: int(age_s) for feature, age_s in zip(FEATURES, record.ages_s, strict=True)}
    return tuple(
        f"Your {NAMES[source]} was {age_words(ages[source])} old and holds for {age_words(SOURCES[source].fresh_s)},"
        " so it was left out."
        for position, source in enumerate(Source)
        if record.stale_mask >> position & 1
    )


def age_words(seconds: int) -> str:
    """Return a span in its largest unit that fits twice, such as `8 days`, `4 hours` or `90 minutes`."""
    for size, word in ((DAY_S, "days"), (HOUR_S, "hours"), (MINUTE_S, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {word}"
    return f"{seconds} seconds"
