"""Draw and write the report: page, plots, tables of numbers."""
