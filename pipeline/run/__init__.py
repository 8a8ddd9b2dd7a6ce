"""Runs our pipeline, here and on AWS, and says how it ended."""
