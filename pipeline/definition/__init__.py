"""Compiles, reads and resolves pipeline definitions: all others read them through this."""
