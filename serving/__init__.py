"""One tip, now: candidates, moments, scorer, receipt."""
