"""Measure where the time of a training goes, and say what to change."""
