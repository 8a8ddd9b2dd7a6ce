"""Remove old runs with all that they made, but nothing that a version or a kept run needs."""
