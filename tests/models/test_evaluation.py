import csv
import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from data_contracts.errors import Malformed
from models.estimators import ESTIMATORS
from models.estimators.evaluation import BETTER, TOO_LITTLE, UNDECIDED, WORSE, evaluate
from models.logs.decision_log import write
from models.logs.logged_decisions import DecisionLog, PolicyTarget
from models.logs.open_bandit import ItemDistribution, OpenBanditLog, distribution_from, uniform
from models.policies import LinearThompson, Uniform
from models.report.evaluation import report, save
from models.report.page import checked_target
from models.simulation.simulated_log import simulated_log


def log_of(path: Path, policy: LinearThompson | Uniform, count: int) -> DecisionLog:
    """A simulated log."""
    write(path, simulated_log(policy, seed=3, count=count))
    return DecisionLog(path)


def test_a_learned_policy_is_found_better_than_the_uniform_log(tmp_path: Path, thompson: LinearThompson) -> None:
    """A learned policy is found better than the uniform log, and the truth lies in the interval."""
    log = log_of(tmp_path / "a.parquet", Uniform(), 3_000)
    found = evaluate(log, PolicyTarget(thompson), replicates=300, sequences=False)
    assert found.verdict == BETTER
    assert found.simulated
    rewards = [row.reward or 0.0 for row in simulated_log(thompson, seed=3, count=3_000)]
    primary = found.estimates[found.primary]
    assert primary.low - 0.01 <= float(np.mean(rewards)) <= primary.high + 0.01


def test_uniform_is_found_worse_than_a_learned_log_or_nothing_is_said(tmp_path: Path, thompson: LinearThompson) -> None:
    """Uniform on a learned log is worse, or the weights are named that forbid a conclusion."""
    found = evaluate(log_of(tmp_path / "b.parquet", thompson, 1_500), PolicyTarget(Uniform()), replicates=300)
    assert found.verdict in (WORSE, TOO_LITTLE)


def test_a_short_log_is_not_enough_evidence(tmp_path: Path, thompson: LinearThompson) -> None:
    """A short log is not enough evidence, and the number is named."""
    found = evaluate(log_of(tmp_path / "c.parquet", Uniform(), 60), PolicyTarget(thompson), replicates=100)
    assert found.verdict == TOO_LITTLE
    assert found.reason.startswith("rows is 60")


def test_where_nothing_shows_the_log_says_what_would_have(tmp_path: Path) -> None:
    """Where no difference is shown the reason names the one that would have been."""
    found = evaluate(log_of(tmp_path / "d.parquet", Uniform(), 400), PolicyTarget(Uniform()), replicates=100)
    assert found.verdict == UNDECIDED
    assert "would show in four of five such logs" in found.reason


def obd(path: Path, rows: list[tuple[object, ...]], header: tuple[str, ...] | None = None) -> Path:
    """A log in the layout of the Open Bandit Dataset."""
    names = header or ("", "timestamp", "item_id", "position", "click", "propensity_score", "user_feature_0")
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([names, *rows])
    return path


def some_rows(count: int = 400) -> list[tuple[object, ...]]:
    """Uniform draws of four items; the last one is clicked most."""
    rng = np.random.default_rng(5)
    items = rng.integers(4, size=count)
    clicks = (rng.random(count) < 0.1 + 0.2 * (items == 3)).astype(int)
    return [
        (n, f"2019-11-24 00:{n // 60:02d}:{n % 60:02d}", int(items[n]), 1 + n % 3, int(clicks[n]), 0.25, "a")
        for n in range(count)
    ]


def test_an_open_bandit_log_is_evaluated(tmp_path: Path) -> None:
    """A log in the layout of the Open Bandit Dataset is evaluated; uniform on uniform is the log itself."""
    log = OpenBanditLog(obd(tmp_path / "log.csv", some_rows()))
    same = evaluate(log, uniform(log), replicates=100)
    assert same.estimates["ips"].value == pytest.approx(same.logged_value)
    assert same.estimates["ips"].ess == pytest.approx(400)
    wanted = tmp_path / "best.csv"
    lines = [("item_id", "position", "probability"), *((3, p, 1.0) for p in (1, 2, 3))]
    wanted.write_text("\n".join(",".join(map(str, line)) for line in lines))
    best = evaluate(log, distribution_from(wanted, log), replicates=200)
    assert best.estimates["snips"].value > same.logged_value
    assert set(best.estimates) == {each.NAME for each in ESTIMATORS}


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (5, 0.0, "line 4 .*propensity_score is in"),
        (5, 1e-320, "line 4 .*propensity_score is in"),
        (4, 2, "line 4 .*click is 0 or 1"),
        (4, "nan", "line 4 .*click is 0 or 1"),
        (3, 0, "line 4 .*position is a whole number from 1"),
        (2, 10**12, "line 4 .*item_id is a whole number from 0 to 9999"),
        (2, "shoe", "line 4 .*are numbers"),
        (1, "yesterday", "line 4 .*timestamp is a time"),
        (6, "a,b", "line 4 .*as many cells"),
        (6, "x" * 200_000, "line 4 .*field larger"),
    ],
)
def test_a_damaged_open_bandit_log_is_refused(tmp_path: Path, place: int, value: object, told: str) -> None:
    """A damaged log is refused with the line of the file and the rule, whatever the order in time."""
    first = list(some_rows(3)[0])
    first[place] = value
    path = obd(tmp_path / "log.csv", [*some_rows(3)[1:], tuple(first)])
    path.write_text(path.read_text().replace('"a,b"', "a,b"))
    with pytest.raises(Malformed, match=told):
        OpenBanditLog(path)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (("0,0,1",), "line 2 .*of the log"),
        (("0,1,1", "0,1,1"), "line 3 .*named once"),
        (("0,1,-1", "0,2,1"), "line 2 .*probability is in"),
        (("0,1",), "line 2 .*as many cells"),
        (("0,1,0.5",), "sum to 1"),
    ],
)
def test_a_damaged_target_is_refused(tmp_path: Path, lines: tuple[str, ...], told: str) -> None:
    """With the line of the file and the rule."""
    log = OpenBanditLog(obd(tmp_path / "log.csv", some_rows(3)))
    target = tmp_path / "target.csv"
    target.write_text("\n".join(("item_id,position,probability", *lines)))
    with pytest.raises(Malformed, match=told):
        distribution_from(target, log)


def test_rewards_that_are_all_the_same_show_no_difference(tmp_path: Path) -> None:
    """Not even one of rounding; a byte order mark and bytes that are no text in a foreign cell do no harm."""
    path = obd(tmp_path / "log.csv", [(*row[:4], 1, *row[5:]) for row in some_rows()])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b",a\r", b",\xff\r"))
    log = OpenBanditLog(path)
    best = ItemDistribution("best", np.tile([0.1, 0.2, 0.3, 0.4], (log.positions, 1)))
    found = evaluate(log, best, replicates=100)
    assert (found.verdict, found.lift, found.lift_low, found.lift_high) == ("no difference shown", 0.0, 0.0, 0.0)


def test_foreign_columns_are_refused(tmp_path: Path) -> None:
    """Foreign columns are refused by name."""
    header = ("", "timestamp", "item_id", "position", "click", "shoe_size", "user_feature_0")
    with pytest.raises(Malformed, match=r"shoe_size.*propensity_score"):
        OpenBanditLog(obd(tmp_path / "log.csv", some_rows(3), header))


def test_the_report_is_one_page_without_a_network(tmp_path: Path) -> None:
    """The report is one page that loads nothing, says every number, and escapes what others named."""
    log = OpenBanditLog(obd(tmp_path / "log.csv", some_rows()))
    found = evaluate(log, dataclasses.replace(uniform(log), name="<b>mine</b>"), replicates=50, sequences=False)
    page = report(found)
    assert page.startswith("<!doctype html>")
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", page)
    assert "<b>mine" not in page
    assert "calibration" in page
    assert found.verdict in page
    for name, each in found.estimates.items():
        assert f"<td>{name}</td><td>{each.value:.4g}</td>" in page


def test_a_report_of_simulated_rows_says_so(tmp_path: Path, thompson: LinearThompson) -> None:
    """A report of simulated rows says that it is no evidence."""
    found = evaluate(log_of(tmp_path / "s.parquet", Uniform(), 30), PolicyTarget(thompson), replicates=20)
    assert "no evidence" in report(found)
    assert "no evidence" not in report(dataclasses.replace(found, simulated=False))


@pytest.mark.parametrize(("name", "begins"), [("r.html", b"<!doctype"), ("r.svg", b"<svg"), ("r.png", b"\x89PNG")])
def test_a_report_is_a_page_or_a_picture(tmp_path: Path, name: str, begins: bytes) -> None:
    """The suffix says whether a page or a picture is wanted."""
    log = OpenBanditLog(obd(tmp_path / "log.csv", some_rows()))
    save(evaluate(log, uniform(log), replicates=20, sequences=False), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_a_report_of_another_kind_is_refused(tmp_path: Path) -> None:
    """Another suffix or a folder that is not there is refused before anything is written."""
    for path in (tmp_path / "r.pdf", tmp_path / "nowhere" / "r.html"):
        with pytest.raises(Malformed, match=r"report"):
            checked_target(path)
