"""Check whether an endpoint is asked about what its model was made for, and say what changed."""
