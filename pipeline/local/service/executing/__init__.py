"""Start, stop and retry executions: each in a process of its own, which outlives the service."""
