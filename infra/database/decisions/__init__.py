"""Decisions, reactions, rewards and posteriors."""
