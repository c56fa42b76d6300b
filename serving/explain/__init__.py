"""Explanations, receipts, replay and counterfactuals."""
