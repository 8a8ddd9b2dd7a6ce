"""Hold what all commands do the same way: errors, options, tables."""
