"""Contracts of facts: signals, tips, decisions, the feature table, errors, ids, retention."""
