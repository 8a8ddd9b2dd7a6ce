"""Serves models and asks endpoints, on this machine and on AWS."""
