"""Read weights that others trained, and find what in them belongs to the backbone."""
