"""Generates pictures to try the pipeline on."""
