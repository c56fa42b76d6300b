"""A simulation as one HTML file with its plots inside, or its plots as a picture."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.report.evaluation import SIMULATED
from models.report.page import checked_target, page, picture
from models.simulation.summary import PolicySummary, Rate

RATES = ("reward", "regret", "silence", "not_for_me", "gain")


def save(scenario: str, found: Sequence[PolicySummary], path: Path) -> None:
    """Write the page (.html) or the picture (.svg, .png); raises `Malformed` for another suffix."""
    checked_target(path)
    path.write_bytes(report(scenario, found).encode() if path.suffix == ".html" else picture(chart(found), path.suffix))


def report(scenario: str, found: Sequence[PolicySummary]) -> str:
    """Return the page: rates with their intervals, then reward and regret by day."""
    head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in ("policy", *RATES))
    lines = "".join(
        f"<tr><td>{html.escape(each.policy)}</td>{''.join(_told(getattr(each, name)) for name in RATES)}</tr>"
        for each in found
    )
    body = (
        f"{SIMULATED}<p>Means per decision with 95 % intervals over people; gain is on {html.escape(found[0].policy)}, "
        f"paired by person.</p><table><tr>{head}</tr>{lines}</table><h2>By day</h2>"
    )
    return page(f"Simulation of {scenario}", body, {"days": chart(found)})


def chart(found: Sequence[PolicySummary]) -> Any:
    """Return mean reward by day with its interval, and regret summed over days, a line a policy."""
    import altair as alt  # noqa: PLC0415 - only who wants a report pays

    data: Any = alt.Data
    rows = [
        {"policy": each.policy, "day": day, "reward": reward, "low": low, "high": high, "regret": regret}
        for each in found
        for day, (reward, low, high, regret) in enumerate(
            zip(
                each.reward_by_day,
                each.reward_low_by_day,
                each.reward_high_by_day,
                np.cumsum(each.regret_by_day).tolist(),
                strict=True,
            )
        )
    ]
    base = alt.Chart(data(values=rows)).encode(x=alt.X("day:Q", title="day"), color=alt.Color("policy:N", sort=None))
    scale = alt.Scale(zero=False)
    band = base.mark_area(opacity=0.2).encode(y=alt.Y("low:Q", title="reward a decision", scale=scale), y2="high:Q")
    rewards = band + base.mark_line().encode(y=alt.Y("reward:Q", scale=scale))
    regrets = base.mark_line().encode(y=alt.Y("regret:Q", title="regret a decision, summed over days"))
    return rewards.properties(width=320, height=220) | regrets.properties(width=320, height=220)


def _told(rate: Rate) -> str:
    return f"<td>{rate.value:.3f} [{rate.low:.3f}, {rate.high:.3f}]</td>"
