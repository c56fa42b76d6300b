"""The validation gate of ingest: Great Expectations suites derived from the signal table and the feature table."""
