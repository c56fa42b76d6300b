"""A small honest world: simulated people, moments, candidates and reactions, by documented equations."""
