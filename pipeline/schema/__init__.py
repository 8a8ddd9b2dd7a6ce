"""Describe what commands print with --json, as JSON Schema made from their dataclasses."""
