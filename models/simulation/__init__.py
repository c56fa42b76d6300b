"""The simulated world: people, moments, candidates and reactions, by documented equations."""
