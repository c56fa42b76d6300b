"""The HTTP server: connections and limits below every app."""
