"""Signals as JSON: the table of their kinds, and how their values are read."""
