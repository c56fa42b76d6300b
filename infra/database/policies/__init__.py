"""Registered policies, the champion, experiments and comparisons."""
