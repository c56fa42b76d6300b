"""The rules of a promotion as a page: `python -m models.promotion.rules_page` writes docs/promotion.md."""

from pathlib import Path

from data_contracts.promotion import FORMER_NAMES, PromotionRule, Stage
from data_contracts.promotion import RULES as TEXTS
from models.promotion.gate import ABOVE_ZERO, REASONS, RULES, SEGMENT_ROWS

PAGE = Path(__file__).parents[2] / "docs" / "promotion.md"
STAGES = {
    Stage.SLOT: "before anything else: who has the slot",
    Stage.SHADOW: "on the shadow comparison, before the log is read, and by the gate again",
    Stage.PROOF: "by the gate; a live experiment is spared these, because it looks for the proof",
    Stage.HARM: "by the gate, and before a live experiment",
}


def render() -> str:
    """Return the page."""
    rules = "".join(f"| `{name}` | {text.stage} | {text.passes} | {_bounds(name)} |\n" for name, text in TEXTS.items())
    stages = "".join(f"| {stage} | {when} |\n" for stage, when in STAGES.items())
    former = "".join(f"- `{before}` is `{now}`\n" for before, now in FORMER_NAMES.items())
    return (
        "# Rules of a promotion\n\n"
        "<!-- made by python -m models.promotion.rules_page; edit the tables, not this page -->\n\n"
        "What keeps a challenger from the champion's slot, in the order in which it is asked. The first rule that\n"
        "fails is named with its value and bound, by a name that never changes its meaning. What is not known fails\n"
        f"its rule. A segment is judged from {SEGMENT_ROWS} rows on. How evidence is gathered:\n"
        "[the gate](learning.md#4-the-gate).\n\n"
        f"| rule | stage | what passes, or what is measured | needed |\n| --- | --- | --- | --- |\n{rules}\n"
        f"| stage | when it is asked |\n| --- | --- |\n{stages}\n"
        f"Names in answers from before:\n\n{former}"
    )


def _bounds(name: PromotionRule) -> str:
    if name in REASONS:
        return ""
    return "; ".join(
        f"more than {0:g}" if rule.bound == ABOVE_ZERO else f"at {'least' if rule.least else 'most'} {rule.bound:g}"
        for rule in RULES
        if rule.name == name
    )


if __name__ == "__main__":
    PAGE.write_text(render(), "utf-8")
