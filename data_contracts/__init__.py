"""What a fact looks like: signals, tips, decisions, the feature table, errors, ids, retention."""
