"""Compute the backbone's features once, and keep them."""
