"""Learning from answers: the champion, policies by digest, reactions, and rewards of tips without a reaction."""

from functools import cached_property

from flows.context import OpenedContext
from serving.feedback.outcomes import Outcomes
from serving.feedback.reactions import ReactionHandler
from serving.policy_cache.by_digest import PolicyCache
from serving.policy_cache.champion import ChampionHolder


class Learning:
    """The policies of one home, and what their rewards change."""

    def __init__(self, stores: OpenedContext) -> None:
        self._stores = stores

    @cached_property
    def champion(self) -> ChampionHolder:
        """Return the policy that decides, followed through the champion's slot."""
        return ChampionHolder(self._stores.settings.policies, verify=self._stores.seal.holds)

    @cached_property
    def policy_cache(self) -> PolicyCache:
        """Return the policies by digest."""
        return PolicyCache(self._stores.settings.policies, self._stores.seal.holds)

    @cached_property
    def reaction_handler(self) -> ReactionHandler:
        """Return what records reactions and updates posteriors."""
        return ReactionHandler(self._stores.database, self._stores.vault, self.champion, self._stores.clock)

    @cached_property
    def outcomes(self) -> Outcomes:
        """Return what rewards tips without a reaction."""
        return Outcomes(self._stores.database, self.champion, self._stores.clock)
