"""Run our pipeline, here and on AWS, and say how it ended."""
