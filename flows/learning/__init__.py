"""Training, evidence, promotion, experiments and reports."""
