"""The rules of a promotion by their stable names: in answers of the gate, refusals, the audit log and reports.

A name never changes its meaning. `models.promotion.gate` asks them in this order and holds their numbers;
`docs/promotion.md` is made of both.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class PromotionRule(StrEnum):
    """What keeps a challenger from the champion's slot."""

    BOOTSTRAP_MISSING = "bootstrap_missing"
    ALREADY_CHAMPION = "already_champion"
    INCUMBENT_EXISTS = "incumbent_exists"
    SHADOW_MISSING = "shadow_missing"
    SIMULATED = "simulated"
    SHADOW_OF_OTHERS = "shadow_of_others"
    TOO_FEW_ROWS = "too_few_rows"
    TOO_SMALL_ESS = "too_small_ess"
    TOO_LITTLE_OVERLAP = "too_little_overlap"
    HEAVY_WEIGHT = "heavy_weight"
    FALSE_PROPENSITIES = "false_propensities"
    TOO_FEW_SHADOW = "too_few_shadow"
    TOO_LITTLE_AGREEMENT = "too_little_agreement"
    NO_BETTER_VALUE = "no_better_value"
    SILENCE_RATE = "silence_rate"
    NOT_FOR_ME_RATE = "not_for_me_rate"
    HARMED_SEGMENT = "harmed_segment"
    TOO_SLOW = "too_slow"


class Stage(StrEnum):
    """When a rule is asked."""

    SLOT = "slot"  # before anything else: who has the slot, and is there a shadow comparison
    SHADOW = "shadow"  # on the shadow comparison alone, before the log is read, and by the gate again
    PROOF = "proof"  # by the gate; a live experiment is spared these, because it is there to find the proof
    HARM = "harm"  # by the gate, and before a live experiment


class RuleText(NamedTuple):
    """When a rule is asked, and when it passes; what is compared with a number is only named."""

    stage: Stage
    passes: str


RULES: Mapping[PromotionRule, RuleText] = MappingProxyType(
    {
        PromotionRule.BOOTSTRAP_MISSING: RuleText(Stage.SLOT, "there is a champion, or `--bootstrap` is given"),
        PromotionRule.ALREADY_CHAMPION: RuleText(Stage.SLOT, "the policy is not the champion"),
        PromotionRule.INCUMBENT_EXISTS: RuleText(Stage.SLOT, "there is no champion, or no `--bootstrap` is given"),
        PromotionRule.SHADOW_MISSING: RuleText(Stage.SLOT, "a shadow comparison with this champion is recorded"),
        PromotionRule.SIMULATED: RuleText(Stage.SHADOW, "every decision is live (in a sandbox: simulated)"),
        PromotionRule.SHADOW_OF_OTHERS: RuleText(Stage.SHADOW, "the shadow comparison is of these very two policies"),
        PromotionRule.TOO_FEW_ROWS: RuleText(Stage.PROOF, "rewarded decisions that the challenger did not learn from"),
        PromotionRule.TOO_SMALL_ESS: RuleText(Stage.PROOF, "their effective sample size"),
        PromotionRule.TOO_LITTLE_OVERLAP: RuleText(
            Stage.PROOF, "share of the challenger's probability on actions that the log could have taken"
        ),
        PromotionRule.HEAVY_WEIGHT: RuleText(Stage.PROOF, "largest share of all weight on one row"),
        PromotionRule.FALSE_PROPENSITIES: RuleText(
            Stage.HARM, "standard errors of the mean weight from 1; sigmas of the logged probabilities from the draws"
        ),
        PromotionRule.TOO_FEW_SHADOW: RuleText(Stage.SHADOW, "decisions seen in shadow"),
        PromotionRule.TOO_LITTLE_AGREEMENT: RuleText(
            Stage.SHADOW, "mean probability that both would have done the same"
        ),
        PromotionRule.NO_BETTER_VALUE: RuleText(
            Stage.PROOF, "lower bound of the difference in value (99 %, two-sided)"
        ),
        PromotionRule.SILENCE_RATE: RuleText(Stage.HARM, "change of the share of silences"),
        PromotionRule.NOT_FOR_ME_RATE: RuleText(Stage.HARM, "rise of the share of not-for-me"),
        PromotionRule.HARMED_SEGMENT: RuleText(
            Stage.HARM, "upper bound of the difference in value in the worst segment (person, part of the day, weekend)"
        ),
        PromotionRule.TOO_SLOW: RuleText(Stage.HARM, "milliseconds of processor time of a choice, 99th percentile"),
    }
)

# Names in answers and run summaries from before, and what they are called now.
FORMER_NAMES: Mapping[str, PromotionRule] = MappingProxyType(
    {"too_few_decisions": PromotionRule.TOO_FEW_SHADOW, "shadow_simulated": PromotionRule.SIMULATED}
)
