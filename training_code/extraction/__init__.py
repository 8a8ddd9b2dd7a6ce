"""Computes the backbone's features once, and keeps them."""
