"""Signals that clients push."""
