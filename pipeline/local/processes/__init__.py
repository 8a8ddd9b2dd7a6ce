"""Starts the processes of jobs, watches them and ends them."""
