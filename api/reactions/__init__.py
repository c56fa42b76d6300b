"""Reactions to tips."""
