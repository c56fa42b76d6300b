"""The audit log and the chain of MACs through it."""
