"""An evaluation as one HTML file with its plots inside, readable without a network, or its plot as a picture."""

import html
import math
from pathlib import Path
from typing import Any

from models.estimators.evaluation import Evaluation
from models.report.page import cell, checked_target, page, picture

SIMULATED = "<p><strong>Simulated rows: this is no evidence for a promotion.</strong></p>"


def save(found: Evaluation, path: Path) -> None:
    """Write the page (.html) or the picture (.svg, .png); raises `Malformed` for another suffix."""
    checked_target(path)
    path.write_bytes(report(found).encode() if path.suffix == ".html" else picture(chart(found), path.suffix))


def report(found: Evaluation) -> str:
    """Return the page: the verdict first, then the estimates, the diagnostics and the plot."""
    lines = "".join(
        f"<tr><td>{name}</td>{cell(e.value)}{cell(e.low)}{cell(e.high)}<td>{e.ess:,.0f}</td><td>{e.n:,}</td></tr>"
        for name, e in found.estimates.items()
    )
    notes = "".join(
        f"<tr><td>{html.escape(name)}</td>{cell(getattr(found.diagnostics, name))}</tr>"
        for name in found.diagnostics.__dataclass_fields__
    )
    body = (
        f"{SIMULATED if found.simulated else ''}"
        f"<p><strong>{html.escape(found.verdict)}</strong>: {html.escape(found.reason)}. "
        f"The log's own mean reward is {found.logged_value:.4f}; conclusions are drawn from {found.primary}.</p>"
        f"<table><tr><th>estimator</th><th>value</th><th>low</th><th>high</th><th>ess</th><th>n</th></tr>{lines}</table>"
        f"<h2>Diagnostics</h2><table>{notes}</table><h2>Values</h2>"
    )
    return page(f"Off-policy evaluation of {found.policy}", body, {"estimates": chart(found)})


def chart(found: Evaluation) -> Any:
    """Return every estimator with its bootstrap interval, and the log's own mean as a dashed line."""
    import altair as alt  # noqa: PLC0415 - only who wants a report pays

    data: Any = alt.Data
    rows: list[dict[str, Any]] = [
        {"estimator": name, "value": e.value, "low": e.low, "high": e.high}
        for name, e in found.estimates.items()
        if math.isfinite(e.value)
    ]
    base = alt.Chart(data(values=rows)).encode(y=alt.Y("estimator:N", sort=None, title=None))
    ranges = base.mark_rule().encode(x=alt.X("low:Q", title="value, 95 % bootstrap"), x2="high:Q")
    points = base.mark_point(filled=True, size=60).encode(x="value:Q")
    logged = alt.Chart(data(values=[{"logged": found.logged_value}])).mark_rule(strokeDash=[4, 4])
    return (ranges + points + logged.encode(x="logged:Q")).properties(width=560)
