"""Measure a model on the test split, also against the approved one."""
