"""Writes docs/numbers.md, the lab's recorded numbers as tables: `python -m benchmarks.numbers_page`."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.result import RESULTS
from models.promotion.power import DECISIONS_A_DAY, DIFFERENCES, PEOPLE, VARIANCE, rows_needed, table

PAGE = Path(__file__).parents[1] / "docs" / "numbers.md"
HEAD = """# The lab's numbers

Made by `python -m benchmarks.numbers_page` from `benchmarks/results`, where `make bench NAME=...` records what it saw.
A later run fails when its ratio is worse by a fifth, or when the two sides no longer give the same answers. Shares
stand with their 95 % Wilson interval.
"""
Notes = Mapping[str, Any]


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)]


def _share(told: Mapping[str, float]) -> str:
    return f"{told['value']:.1%} [{told['low']:.1%}, {told['high']:.1%}]"


def _simulation(found: Mapping[str, Any]) -> Iterator[str]:
    notes: Notes = found["notes"]
    yield (
        "Thompson sampling with 10 actions and 5 features, deciding and learning on one core, "
        f"{notes['lanes']} replications side by side: {found['ours']:,.0f} rounds/s on obp's own task, "
        f"{notes['rounds_updating_always']:,.0f} when every round is learned from (aim {notes['aim_rounds']:,}). "
        f"obp 0.5.7's `run_bandit_simulation` with LinTS: {found['peer']:,.0f} rounds/s, "
        f"so {found['ratio']:,.0f} times (aim {found['target']:g}). "
        f"Posteriors of the same rows differ by at most {notes['largest_error']:.1g}; "
        f"choices in {len(notes['p_values'])} contexts come from one distribution "
        f"(chi-square, smallest p {min(notes['p_values']):.2f})."
    )


def _open_bandit(found: Mapping[str, Any]) -> Iterator[str]:
    notes: Notes = found["notes"]
    yield (
        "Random log, campaign all, 10,000 rows, target Bernoulli Thompson: "
        f"eight values equal obp's within {notes['largest_error']:.1g}. "
        f"Values and intervals of 1,000 bootstrap samples take {found['ours']:.2f} s, obp {found['peer']:.2f} s, "
        f"so {found['ratio']:.0f} times (aim {found['target']:g}). "
        f"Relative error of `{notes['primary']}`, declared beforehand: {notes['relative_error']:.3f} "
        f"(published for DM: 0.157); of our `dm`: {notes['relative_error_of_dm']:.3f}. "
        "The truth is 42 clicks, so such differences are noise."
    )


def _coverage(found: Mapping[str, Any]) -> Iterator[str]:
    notes: Notes = found["notes"]
    yield (
        f"How often a 95 % interval held the truth, {notes['runs']} logs a regime. "
        f"*Looks*: the betting sequence held it at each of {notes['looks']} looks. "
        f"The bootstrap is promised within 3 points in the regimes {' and '.join(notes['named'])}; "
        f"there it is off by {notes['bootstrap_off_by']:.3f} at most."
    )
    yield ""
    for kind in ("bootstrap", "bernstein", "betting", "looks"):
        names = list(notes["regimes"][0][kind])
        rows = [
            (
                f"{each['regime']}: {each['rows']:,} rows, w <= {each['largest_weight']:.0f}, ess {each['ess']:.0f}",
                *(_share(each[kind][name]) for name in names),
            )
            for each in notes["regimes"]
        ]
        yield from _table((kind, *names), rows)
        yield ""


def _gate_errors(found: Mapping[str, Any]) -> Iterator[str]:
    notes: Notes = found["notes"]
    yield f"Promotions on {notes['logs']} drawn logs of {notes['rows']:,} rows each way (aims: <= 1 % and >= 80 %)."
    yield ""
    rows = [
        (
            way,
            f"{told['true_difference']:+.3f}",
            f"{told['variance']:.2f}",
            *(_share(told[name]) for name in ("worse", "just_worse", "better")),
        )
        for way, told in notes["ways"].items()
    ]
    yield from _table(("pair", "true difference", "variance", "moved to -0.05", "to just below 0", "to +0.05"), rows)


def _log_variance(found: Mapping[str, Any]) -> Iterator[str]:
    notes: Notes = found["notes"]
    yield (
        f"Variance of one row's term in the paired difference, {notes['rows']:,} rows a log. "
        f"The largest where the challenger is better by {notes['better_by']:g} is {found['ours']:.2f}, "
        f"rounded up to a half: the power table plans with {found['peer']:g}."
    )
    yield ""
    rows = [
        (p["incumbent"], p["challenger"], f"{p['difference']:+.3f}", f"{p['ess_share']:.2f}", f"{p['variance']:.2f}")
        for p in notes["pairs"]
    ]
    yield from _table(("incumbent (its log)", "challenger", "difference", "ess / rows", "variance"), rows)


def _propensity(found: Mapping[str, Any]) -> Iterator[str]:
    notes: Notes = found["notes"]
    yield (
        f"Exact probabilities of 20 actions: {notes['us_at_ratio_10']:.0f} us at a ratio of 10 "
        f"between the widest and the narrowest sigma (aim 100), {notes['us_at_ratio_1000']:.0f} us at 1000 (aim 600), "
        f"{notes['us_served_31_actions']:.0f} us for a served choice of 31. "
        f"Within {notes['largest_error']:.1g} of scipy's adaptive quadrature, "
        f"which takes {found['peer'] / 1e3:,.0f} ms."
    )


def _feature_designs(found: Mapping[str, Any]) -> Iterator[str]:
    notes: Notes = found["notes"]
    yield (
        f"Thompson sampling on other features than the served ones: {notes['seeds']} simulated populations, "
        f"{notes['rows']:,} rewarded tips to learn from, {notes['moments']:,} fresh moments each. "
        "*Gain* is the paired difference to `plain` with its 95 % interval; *cost* is processor time of the choices "
        "as a multiple of its."
    )
    yield ""
    designs: Mapping[str, Mapping[str, float]] = notes["designs"]
    rows = [
        (
            name,
            f"{told['value']:.4f}",
            f"{told['gain']:+.4f} [{told['low']:+.4f}, {told['high']:+.4f}]",
            f"{told['cost']:.1f}",
        )
        for name, told in sorted(designs.items(), key=lambda each: -each[1]["value"])
    ]
    yield from _table(("features", "reward", "gain", "cost"), rows)


def _multiclass_reduction(found: Mapping[str, Any]) -> Iterator[str]:
    notes: Notes = found["notes"]
    yield (
        f"Mean progressive loss over 20 orders of {notes['rounds']:,} rounds, `oo reduce` with `regcb` against Vowpal "
        "Wabbit's `--cb_explore_adf` and MABWiser's LinUCB, one setting per side, chosen on other sets. "
        "*Difference* is the paired 95 % interval of ours less 0.95 times the best peer's: below 0 is a win. "
        f"Won: {notes['won']} of {notes['of']} (aim: two thirds)."
    )
    yield ""
    peers = ("vw squarecb", "vw regcb", "vw epsilon", "vw cover", "mabwiser")
    rows = [
        (
            name,
            f"{told['ours']:.3f}",
            *(f"{told['theirs'][peer]:.3f}" for peer in peers),
            f"{told['ratio']:.2f}",
            f"[{told['difference'][0]:+.3f}, {told['difference'][1]:+.3f}]",
        )
        for name, told in notes["sets"].items()
    ]
    yield from _table(("set", "ours", *peers, "ours / best", "difference"), rows)


SECTIONS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], Iterator[str]]]] = {
    "simulation": ("Simulated Thompson sampling", _simulation),
    "open_bandit": ("Off-policy values on the Open Bandit sample", _open_bandit),
    "coverage": ("Coverage of intervals", _coverage),
    "gate_errors": ("Errors of the gate", _gate_errors),
    "log_variance": ("Variance of a logged difference", _log_variance),
    "propensity": ("Exact probabilities", _propensity),
    "multiclass_reduction": ("Multi-class reductions", _multiclass_reduction),
    "feature_designs": ("Other features for Thompson sampling", _feature_designs),
}


def power_table() -> list[str]:
    """Return the power table in days, a row a number of people."""
    days = {(need.people, need.difference): need.days for need in table()}
    head = ("people", *(f"+{each:g}" for each in DIFFERENCES))
    return _table(head, [(str(people), *(f"{days[people, d]:,} days" for d in DIFFERENCES)) for people in PEOPLE])


def rendered() -> str:
    """Return the page of what is recorded."""
    lines = [HEAD]
    for name, (title, section) in SECTIONS.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            made = f"`make bench NAME={name}`: {found['machine']}, commit {found['commit']}."
            lines += [f"## {title}", "", *section(found), "", made, ""]
    rows = ", ".join(f"{rows_needed(each):,}" for each in DIFFERENCES)
    told = (
        f"Days until a difference shows with 80 % power in a 99 % interval, at {DECISIONS_A_DAY} "
        f"rewarded decisions a day for each person and a variance of {VARIANCE:g} ({rows} decisions)."
    )
    lines += ["## Power", "", told, "", *power_table()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(rendered(), encoding="utf-8")
