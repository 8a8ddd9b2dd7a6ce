"""Runs the steps of a definition in their order, and remembers them."""
