"""Compile, check, compare, price, run and publish a pipeline definition; serve its models."""
