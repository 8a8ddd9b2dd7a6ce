"""Draws and writes the report: page, plots, tables of numbers."""
