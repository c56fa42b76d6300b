"""When oO may speak to a person."""
