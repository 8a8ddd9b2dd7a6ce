"""Bring runs into MLflow: what the report reads, with its files and the model."""
