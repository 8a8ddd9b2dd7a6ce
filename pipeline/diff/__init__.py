"""Compare two definitions: what changed, and which steps lose their cache."""
