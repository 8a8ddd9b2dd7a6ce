"""Run a pipeline definition on this machine, without AWS and without Docker."""
