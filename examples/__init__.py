"""A month of one plausible life, in the formats of real sources."""
