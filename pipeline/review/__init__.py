"""Show people what a run's review found, and keep what they decide."""
