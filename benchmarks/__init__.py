"""Measure this project against the usual way to do the same work, on one machine."""
