"""The registry of policies in MLflow."""
