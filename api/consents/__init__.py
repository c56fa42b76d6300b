"""Consents: which signals oO may read."""
