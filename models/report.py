"""An evaluation as one HTML file with its plots inside, readable without a network."""

import html
import math
from typing import Any

from models.evaluation import Evaluation

HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
table{{border-collapse:collapse}}td,th{{padding:.2rem .8rem;text-align:right}}td:first-child,
th:first-child{{text-align:left}}
</style>"""


def report(found: Evaluation) -> str:
    """Return the page: the verdict first, then the estimates, the plot and the diagnostics."""
    title = html.escape(f"Off-policy evaluation of {found.policy}")
    origin = "<p><strong>Simulated rows: this is no evidence for a promotion.</strong></p>" if found.simulated else ""
    lines = "".join(
        f"<tr><td>{name}</td>{_cell(e.value)}{_cell(e.low)}{_cell(e.high)}<td>{e.ess:,.0f}</td><td>{e.n:,}</td></tr>"
        for name, e in found.estimates.items()
    )
    notes = "".join(
        f"<tr><td>{html.escape(name)}</td>{_cell(getattr(found.diagnostics, name))}</tr>"
        for name in found.diagnostics.__dataclass_fields__
    )
    return (
        f"{HEAD.format(title=title)}<h1>{title}</h1>{origin}"
        f"<p><strong>{html.escape(found.verdict)}</strong>: {html.escape(found.reason)}. "
        f"The log's own mean reward is {found.logged_value:.4f}; conclusions are drawn from {found.primary}.</p>"
        f"<table><tr><th>estimator</th><th>value</th><th>low</th><th>high</th><th>ess</th><th>n</th></tr>{lines}</table>"
        f"{_plot(found)}<h2>Diagnostics</h2><table>{notes}</table></html>"
    )


def _cell(value: float | None) -> str:
    return f"<td>{'' if value is None or math.isnan(value) else f'{value:.4g}'}</td>"


def _plot(found: Evaluation) -> str:
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
    chart = (ranges + points + logged.encode(x="logged:Q")).properties(width=560)
    return str(chart.to_html(inline=True, fullhtml=False, output_div="estimates"))
