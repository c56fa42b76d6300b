"""One recommendation: inputs, rules, scoring, the record."""
