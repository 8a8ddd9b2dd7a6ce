"""Lists, compares, approves and rejects the registered versions of a model."""
