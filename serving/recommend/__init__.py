"""One recommendation: inputs, speaking rules, scoring, the record."""
