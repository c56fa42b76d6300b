"""The frame of every report: one HTML file with its charts inside, or one chart as a picture."""

import html
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_contracts.errors import Malformed

HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
table{{border-collapse:collapse}}td,th{{padding:.2rem .8rem;text-align:right}}td:first-child,
th:first-child{{text-align:left}}
</style><h1>{title}</h1>"""
SUFFIXES = (".html", ".svg", ".png")


def page(title: str, body: str, charts: Mapping[str, Any]) -> str:
    """Return an HTML page: its title, a body in HTML, then the charts (altair) by their ids."""
    drawn = "".join(chart.to_html(inline=True, fullhtml=False, output_div=name) for name, chart in charts.items())
    return f"{HEAD.format(title=html.escape(title))}{body}{drawn}</html>"


def cell(value: float | None) -> str:
    """Return a table cell; nothing for what is not known."""
    return f"<td>{'' if value is None or math.isnan(value) else f'{value:.4g}'}</td>"


def picture(chart: Any, suffix: str) -> bytes:
    """Return a chart as `.svg` or `.png`, drawn without a browser or network."""
    drawn = io.BytesIO() if suffix == ".png" else io.StringIO()
    chart.save(drawn, format=suffix.removeprefix("."))
    found = drawn.getvalue()
    return found if isinstance(found, bytes) else found.encode()


def checked_target(path: Path) -> Path:
    """Return where a report goes; raises `Malformed` for a file that is no page or picture, or has no folder."""
    if path.suffix not in SUFFIXES:
        raise Malformed(f"a report is a file {', '.join(SUFFIXES)}, not {path.name}")
    if not path.absolute().parent.is_dir():
        raise Malformed(f"there is no folder for the report {path}")
    return path
