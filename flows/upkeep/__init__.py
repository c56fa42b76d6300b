"""Features, candidate pools, snapshots and expiry."""
