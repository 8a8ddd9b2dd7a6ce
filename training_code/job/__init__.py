"""Hold what every job does the same way: errors, progress, processes, memory."""
