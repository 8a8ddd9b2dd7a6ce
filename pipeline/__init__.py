"""The command line, and all that is done with a pipeline definition."""
