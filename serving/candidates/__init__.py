"""Candidates: catalogue, subjects, pools and eligibility."""
