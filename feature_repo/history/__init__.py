"""The history of served rows and snapshots of events, as Parquet."""
