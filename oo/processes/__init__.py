"""The processes of oO, and what they share."""
