"""What a person lets oO read."""
