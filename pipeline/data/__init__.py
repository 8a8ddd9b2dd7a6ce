"""Bring a data set from wherever it is to where a run reads it, one responsibility a file."""
