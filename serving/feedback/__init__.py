"""Reactions, rewards and posterior updates."""
