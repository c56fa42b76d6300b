"""Recommendations: candidates, speaking rules, scorer, receipt."""
