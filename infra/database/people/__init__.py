"""People, their sessions, consents and sealed texts."""
