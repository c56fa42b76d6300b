"""Preferences: when oO may speak."""
