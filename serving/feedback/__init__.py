"""Reactions, rewards and what a posterior learns of them."""
