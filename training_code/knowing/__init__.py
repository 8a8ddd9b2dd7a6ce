"""Fit what lets a model say that a picture is of none of its classes, and how sure it is."""
