"""Compile, read and resolve pipeline definitions: all others read them through this."""
