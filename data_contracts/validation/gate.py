"""Runs the validation suites: which rows pass, and which rule each other row breaks, without keeping a value.

Great Expectations takes 8 seconds to import, so it is loaded by the first validation. Its context is ephemeral,
its analytics are off, and its results name rows by the integer column `row` only.
"""

import os
from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import pandas as pd

from data_contracts.errors import Malformed, Unavailable
from data_contracts.validation.frames import ROW
from data_contracts.validation.suites import SIGNAL_CHECKS, Check

RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "unexpected_index_column_names": [ROW],
    "include_unexpected_rows": False,
    "exclude_unexpected_values": True,
}


class Failing(NamedTuple):
    """One row, the rule that it breaks and the column that shows it."""

    row: int
    rule: str
    column: str


class Verdict(NamedTuple):
    """The rows that may go on, and what is wrong with each of the others."""

    sound: "pd.Index[int]"
    failing: list[Failing]


def validate_signals(frame: pd.DataFrame, kind: str) -> Verdict:
    """Return the verdict on a frame of `frames.signal_frames`; rows are values of its column `row`."""
    if kind not in SIGNAL_CHECKS:
        raise Malformed(f"there is no kind of event called {kind!r}")
    return _verdict(frame, SIGNAL_CHECKS[kind], f"signals.{kind}")


def _verdict(frame: pd.DataFrame, checks: Sequence[Check], name: str) -> Verdict:
    missing = {ROW, *(check.column for check in checks)} - set(frame.columns)
    if missing:
        raise Malformed(f"the frame {name} lacks the columns {', '.join(sorted(missing))}")
    if frame.empty:
        return Verdict(pd.Index([], dtype="int64"), [])
    failing = [
        Failing(int(row), check.rule, check.column)
        for check, result in zip(checks, evaluate(frame, checks, name), strict=True)
        for rows in result["result"].get("unexpected_index_list") or []
        for row in rows[ROW]
    ]
    every = pd.Index(frame[ROW].astype("int64"))
    return Verdict(every.difference(sorted({failure.row for failure in failing})), sorted(failing))


def evaluate(frame: pd.DataFrame, checks: Sequence[Check], name: str) -> list[dict[str, Any]]:
    """Return Great Expectations' own result per check, in order: all that could ever be stored or shown."""
    gx = _vendor()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    suite = gx.ExpectationSuite(
        name=name, expectations=[_expectation(gx, check, position) for position, check in enumerate(checks)]
    )
    asset = context.data_sources.add_pandas(name).add_dataframe_asset(name)
    batch = asset.add_batch_definition_whole_dataframe(name).get_batch({"dataframe": frame})
    results = [result.to_json_dict() for result in batch.validate(suite, result_format=RESULT_FORMAT)["results"]]
    for result in results:
        if result["exception_info"].get("raised_exception", True):
            raise Unavailable(f"the validation of {name} broke down in {result['expectation_config']['type']}")
    return sorted(results, key=lambda result: int(result["expectation_config"]["meta"]["position"]))


@cache
def _vendor() -> ModuleType:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read while the module is imported
    import great_expectations  # noqa: PLC0415 - eight seconds that only a validation pays

    return great_expectations


def _expectation(gx: ModuleType, check: Check, position: int) -> Any:
    meta = {"rule": check.rule, "position": position}
    known = gx.expectations
    match check.how:
        case "present":
            return known.ExpectColumnValuesToNotBeNull(column=check.column, meta=meta)
        case "between":
            return known.ExpectColumnValuesToBeBetween(
                column=check.column, min_value=check.low, max_value=check.high, meta=meta
            )
        case "pattern":
            return known.ExpectColumnValuesToMatchRegex(column=check.column, regex=check.pattern, meta=meta)
        case "order":
            return known.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A=check.column, column_B=check.other, or_equal=True, meta=meta
            )
