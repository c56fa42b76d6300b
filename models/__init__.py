"""How a tip is chosen: policies, probabilities, training, registry, promotion."""
