"""Reads what a section of the report shows from what the run left."""
