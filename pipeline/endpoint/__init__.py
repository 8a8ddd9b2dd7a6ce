"""Serve models and ask endpoints, on this machine and on AWS."""
