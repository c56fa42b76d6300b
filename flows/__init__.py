"""Scheduled flows and the stream processor."""
