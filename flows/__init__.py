"""The clock and the stream: Prefect flows and their deployments."""
