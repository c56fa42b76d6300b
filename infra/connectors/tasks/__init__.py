"""Exports of task managers."""
