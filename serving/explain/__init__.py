"""Why: explanations, receipts, replay and counterfactuals."""
