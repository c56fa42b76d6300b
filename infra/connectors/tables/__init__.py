"""Tables and lines of signals: CSV and JSON lines."""
