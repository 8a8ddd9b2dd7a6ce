"""Measures where the time of a training goes, and says what to change."""
