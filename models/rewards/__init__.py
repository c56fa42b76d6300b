"""Models of rewards: action features, design, linear and tree models, posteriors."""
