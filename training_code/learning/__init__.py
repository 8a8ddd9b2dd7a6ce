"""Trains the head and the last blocks, and writes what a training leaves."""
